#include "workflow/verify/recorded_repair.h"

#include <fmt/format.h>

#include <charconv>

#include "base/mapped_file.h"
#include "workflow/opened_model.h"
#include "workflow/trust.h"
#include "workflow/verify/finding.h"

namespace mgit {
namespace {

std::string first_word(const std::string& text) { return text.substr(0, text.find(' ')); }

/// The file, if it is the one that was recorded.
bool is_file(const std::filesystem::path& path, const std::optional<Digest>& digest) {
  return digest && std::filesystem::is_regular_file(path) &&
         sha256(MappedFile(path).bytes()) == *digest;
}

[[noreturn]] void lacks(const std::string& what, const std::optional<Digest>& digest) {
  throw NotProven(Verdict::kUnproved,
                  fmt::format("it was repaired with data, and .mgitconfig here names no {} with "
                              "SHA-256 {}",
                              what, digest ? digest->hex().substr(0, 12) : "(none recorded)"));
}

}  // namespace

bool RecordedRepair::needs_parents() const {
  return first_word(record_.method) != repair_method_name(RepairMethod::kStatistics);
}

std::string RecordedRepair::require_at_hand() const {
  const ModelConfig config = config_of_path(repository_, record_.model).value_or(ModelConfig{});
  const std::filesystem::path top = repository_.work_dir();
  if (top.empty() || config.calibration.empty() || !is_file(top / config.calibration, record_.data))
    lacks("data", record_.data);
  if (config.graph.empty() || !is_file(top / config.graph, record_.graph))
    lacks("network", record_.graph);
  try {
    require_trusted(repository_, top / config.graph);
  } catch (const Error& error) {
    throw NotProven(Verdict::kUnproved, fmt::format("{}: {}", config.graph, error.what()));
  }
  return fmt::format("on {} samples of {}", record_.samples, config.calibration);
}

std::string RecordedRepair::require_same(const Oid& commit, const CommittedModel& model,
                                         const std::vector<RepairParent>& parents,
                                         const CommittedModel& repaired) const {
  RepairOptions options;
  options.method = first_word(record_.method);
  const std::string& samples = record_.samples;
  std::from_chars(samples.data(), samples.data() + samples.size(), options.samples);
  const auto batch = repository_.store().begin();  // left without a commit: nothing stays
  const RepairedModel again = repair_model(repository_, *batch, commit, model, parents, options);
  if (again.record.method != record_.method)
    throw NotProven(Verdict::kFailed, fmt::format("its record says '{}', and repairing gives '{}'",
                                                  record_.method, again.record.method));
  for (std::size_t i = 0; i < repaired.parts.size() && i < again.parts.size(); ++i)
    require_same_checkpoint(repaired.parts[i].manifest, again.parts[i], repaired.parts[i].path,
                            "repairing its parent as recorded");
  return "repaired again by " + record_.method;
}

}  // namespace mgit
