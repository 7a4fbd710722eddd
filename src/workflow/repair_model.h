// Fitting a model of a repository to data: what `mgit repair` and `mgit merge --repair data` share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "model/operation_record.h"
#include "repair/repair.h"

namespace mgit {

/// What the command line says; what is empty comes from .mgitconfig, and is trusted only there
/// where `mgit trust` said so.
struct RepairOptions {
  std::string graph{};
  std::string data{};
  std::string method{};       // a name of repair_method_name(); empty: least squares, where there
                              // are parents to fit to
  std::uint64_t samples = 0;  // 0: as many as the method takes
  std::uint64_t batch = 250;
  std::function<void(std::size_t done, std::size_t total)> progress{};
};

/// A model that was merged; its tensors are in the basin of the merged one.
struct RepairParent {
  Oid commit;
  std::string path;
  const TensorSource& file;
  double weight = 0;
};

struct RepairedModel {
  std::vector<Manifest> parts;  // one for each of the model's files
  RepairRecord record;
  RepairedNetwork network;
  std::string data;  // the file's name
};

/// New objects go into `batch`, which is not committed. `commit`: whose .mgitconfig says where the
/// weights are. Without parents only statistics of batch norms can be taken anew. Throws Error
/// where graph or data are not named or not trusted, or nothing can be repaired.
RepairedModel repair_model(const Workspace& repository, Store::Batch& batch, const Oid& commit,
                           const CommittedModel& model, const std::vector<RepairParent>& parents,
                           const RepairOptions& options);

/// What repair_model refuses of graph and data, before there is a model.
void require_repair_setting(const Repository& repository, const std::string& path,
                            const RepairOptions& options);

/// "9 layers fitted to the parents' mean features (least squares), statistics of 9 batch norms
/// taken anew, on 2000 samples of train.safetensors".
std::string describe_repair(const RepairedModel& repaired);

/// Whether .mgitconfig names a network that is trusted here, and data to repair this model with.
bool can_be_repaired(const Repository& repository, const std::string& path);

}  // namespace mgit
