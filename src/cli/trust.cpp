// mgit trust: shows what .mgitconfig wants to run, or to be sent somewhere, and accepts it.
#include "workflow/trust.h"

#include <fmt/format.h>

#include "cli/command.h"
#include "remote/object_location.h"

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
    const ObjectLocation objects = proposed_objects(repository);
    if (graphs.empty() && objects.url.empty())
      fmt::print("nothing to trust: .mgitconfig names no network and no place for objects\n");
    for (const ProposedGraph& graph : graphs) {
      if (!show_ && !graph.trusted) trust_graph(repository, graph);
      fmt::print("model \"{}\": network {}, {} bytes\n  sha256 {}\n  {}\n", graph.model, graph.path,
                 graph.size, graph.digest.hex(), verdict(graph.trusted));
    }
    if (!objects.url.empty()) {
      if (!show_ && !objects.trusted) trust_objects(repository, objects.url);
      fmt::print("objects: models are sent to {}, and keys for it used there\n  {}\n", objects.url,
                 verdict(objects.trusted));
    }
    return 0;
  }

 private:
  const char* verdict(bool trusted) const {
    if (trusted) return "trusted already";
    return show_ ? "not trusted" : "trusted from now on, in this repository";
  }

  bool show_ = false;
};

const Registered<Trust> kTrust(
    "trust", "accept the networks and the place for objects that .mgitconfig names", "mgit trust");

}  // namespace
}  // namespace mgit::cli
