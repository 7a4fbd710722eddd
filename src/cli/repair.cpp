// mgit repair: a merged model, fitted to data.
#include <fmt/format.h>

#include <optional>

#include "base/progress.h"
#include "cli/command.h"
#include "mgit/remote.h"
#include "workflow/repair.h"

namespace mgit::cli {
namespace {

class Repair : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "Runs a merged model and what it was merged from on data, and commits the model with what "
        "the average got wrong set right. Labels are not needed and not looked at; take training "
        "inputs, a few hundred or thousand, never those that the model is judged by.\n\n"
        "least-squares fits each layer, from the input on, to the parents' mean of what it should "
        "give, on what the repaired layers before it give; batch norms get the statistics that "
        "follow. repair gives each channel the parents' mean and deviation (REPAIR). "
        "batch-norm-reset takes only the statistics of batch norms anew, and needs no merge.\n\n"
        "Network and data come from .mgitconfig (graph, trusted by mgit trust, and calibration) or "
        "from the options.");
    options.argument("revision", revision_,
                     "rev or rev:path of the model, which HEAD has, too; default HEAD");
    options.value("--data", options_.data, "a checkpoint file with a tensor \"input\"")
        .value_name("file");
    options.value("--graph", options_.graph, "the network").value_name("file");
    options
        .value("--method", options_.method,
               "least-squares (the default for a merge), repair, or batch-norm-reset (for others)")
        .value_name("method");
    options
        .value("--samples", options_.samples,
               "how many of the data; default: 2000 to fit layers, all for batch-norm-reset")
        .value_name("n");
    options.value("--batch", options_.batch, "samples at a time (default 250)").value_name("n");
    options.value("--model", model_, "its name in .mgitconfig, where there are several")
        .value_name("name");
  }

  int run() override {
    if (options_.batch == 0) throw UsageError("a batch has at least one sample", "--batch 0");
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    std::optional<Progress> progress;
    std::size_t shown = 0;
    options_.progress = [&](std::size_t done, std::size_t total) {
      if (!progress) progress.emplace("repairing", total);
      progress->advance(done - shown);
      shown = done;
    };
    const RepairResult result = repair(repository, revision_, model_, options_);
    progress.reset();
    fmt::print("{}: {}\n", result.path, describe_repair(result.repaired));
    if (!result.merged && options_.method.empty())
      fmt::print("note: {}: no merge made this model, so its layers are as they were\n",
                 result.path);
    for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
    fmt::print("[{} {}] {}\n", result.branch, result.commit.brief(), result.subject);
    fmt::print("To take it back: mgit undo\n");
    return 0;
  }

 private:
  std::string revision_;
  std::string model_;
  RepairOptions options_;
};

const Registered<Repair> kRepair("repair", "fit a merged model to data",
                                 "mgit repair --data train.safetensors --graph net.pt");

}  // namespace
}  // namespace mgit::cli
