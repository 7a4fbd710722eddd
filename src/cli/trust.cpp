// mgit trust: shows what .mgitconfig wants to run, and accepts it.
#include "workflow/trust.h"

#include <fmt/format.h>

#include "cli/command.h"

namespace mgit::cli {
namespace {

class Trust : public Command {
 public:
  void options(Options& options) override {
    options.flag("--show", show_, "only show; accept nothing");
  }

  int run() override {
    const Repository repository = Repository::discover();
    const std::vector<ProposedGraph> graphs = proposed_graphs(repository);
    if (graphs.empty()) fmt::print("nothing to trust: .mgitconfig names no network\n");
    for (const ProposedGraph& graph : graphs) {
      if (!show_ && !graph.trusted) trust_graph(repository, graph);
      fmt::print("model \"{}\": network {}, {} bytes\n  sha256 {}\n  {}\n", graph.model, graph.path,
                 graph.size, graph.digest.hex(), verdict(graph));
    }
    return 0;
  }

 private:
  const char* verdict(const ProposedGraph& graph) const {
    if (graph.trusted) return "trusted already";
    return show_ ? "not trusted" : "trusted from now on, in this repository";
  }

  bool show_ = false;
};

const Registered<Trust> kTrust("trust", "let the networks that .mgitconfig names run",
                               "mgit trust");

}  // namespace
}  // namespace mgit::cli
