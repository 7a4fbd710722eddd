#include "workflow/trust.h"

#include <algorithm>
#include <set>

#include "base/mapped_file.h"
#include "base/process.h"

namespace mgit {
namespace {

constexpr const char* kKey = "mgit.trustedGraph";

/// From .git/config alone: neither the user's nor a committed file can speak for the repository.
std::set<std::string> trusted_digests(const Repository& repository) {
  const ProcessResult result =
      run_process({"git", "config", "--local", "--get-all", kKey},
                  {.directory = repository.common_dir().string(), .capture_errors = true});
  std::set<std::string> digests;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = result.output.find('\n', begin)) != std::string::npos;
       begin = end + 1)
    digests.insert(result.output.substr(begin, end - begin));
  return digests;
}

}  // namespace

std::vector<ProposedGraph> proposed_graphs(const Repository& repository) {
  const std::set<std::string> trusted = trusted_digests(repository);
  std::vector<ProposedGraph> graphs;
  for (const ModelConfig& model : repository.models(std::nullopt)) {
    if (model.graph.empty()) continue;
    const MappedFile file(repository.work_dir() / model.graph);
    const Digest digest = sha256(file.bytes());
    graphs.push_back(
        {model.name, model.graph, file.bytes().size(), digest, trusted.contains(digest.hex())});
  }
  return graphs;
}

void trust_graph(const Repository& repository, const ProposedGraph& graph) {
  run_checked({"git", "config", "--local", "--add", kKey, graph.digest.hex()},
              {.directory = repository.common_dir().string()});
}

void require_trusted(const Repository& repository, const std::filesystem::path& graph) {
  const MappedFile file(graph);
  if (!trusted_digests(repository).contains(sha256(file.bytes()).hex()))
    throw Error("a network is code, and .mgitconfig names one that is not trusted here",
                graph.string(), "'mgit trust' shows and accepts it; --graph names another");
}

}  // namespace mgit
