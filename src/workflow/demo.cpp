#include "workflow/demo.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "base/os.h"
#include "base/process.h"
#include "eval/safetensors_writer.h"
#include "mgit/eval.h"
#include "mgit/merge.h"
#include "mgit/workspace.h"
#include "workflow/demo_models.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckpoint = "model.safetensors";
constexpr const char* kGraph = "net.torchscript.pt";
constexpr const char* kData = "eval.safetensors";
constexpr const char* kConfig =
    "[model \"net\"]\n"
    "\tpath = model.safetensors\n"
    "\tgraph = net.torchscript.pt\n"
    "\tdata = eval.safetensors\n"
    "\tloss = cross_entropy\n";

void require_empty(const fs::path& directory) {
  if (fs::exists(directory) && (!fs::is_directory(directory) || !fs::is_empty(directory)))
    throw Error("is not an empty directory", directory.string(),
                "name another one: mgit demo <directory>");
}

/// As a person would type it.
std::string shell_text(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) {
    const bool quote = argument.find(' ') != std::string::npos;
    text += (text.empty() ? "" : " ") + (quote ? "\"" + argument + "\"" : argument);
  }
  return text;
}

/// The demo from training to its last line, in a directory of its own; what is there after a
/// failure stays to be looked at.
class Demo {
 public:
  explicit Demo(const DemoOptions& options)
      : options_(options), directory_(fs::absolute(options.directory)) {}

  void run() {
    train();
    commit_both();
    rebase_and_merge();
    conclude();
  }

 private:
  void say(const std::string& line = {}) const { options_.say(line); }

  /// A step of the story: what happens next, and why.
  void title(const std::string& text) {
    say();
    say(options_.colour ? "\x1b[1m# " + text + "\x1b[0m" : "# " + text);
  }

  /// Shows the command, then runs it: "mgit" is this very binary.
  void shell(const std::vector<std::string>& arguments) const {
    const std::string text = shell_text(arguments);
    say(options_.colour ? "\x1b[36m$ " + text + "\x1b[0m" : "$ " + text);
    std::fflush(stdout);
    std::vector<std::string> command = arguments;
    if (command.front() == "mgit") command.front() = own_path();
    const ProcessResult result =
        run_process(command, {.directory = directory_.string(),
                              .environment = {{"GIT_PAGER", "cat"}, {"GIT_EDITOR", "true"}},
                              .capture_output = false});
    if (result.status != 0)
      throw Error(fmt::format("ended with status {}", result.status), text,
                  "the repository is left as it is: " + directory_.string());
  }

  void train() {
    title(options_.mnist.empty() ? "A data set of drawn digits, 16 x 16 pixels"
                                 : "MNIST, from " + options_.mnist.string());
    const DemoData data = make_demo_data(options_.mnist, options_.seed);
    say(fmt::format("Share 1: {} pictures, four in five show 0-4. Share 2: {} pictures, the rest.",
                    sample_count(data.first), sample_count(data.second)));
    say(fmt::format("Test: {} other pictures, every digit equally often.",
                    sample_count(data.test)));
    title("Two networks, each trained on its share alone, from its own random start");
    fs::create_directories(directory_);
    main_ = train_one("main, share 1", data.first, 2 * options_.seed + 1);
    feature_ = train_one("feature-branch, share 2", data.second, 2 * options_.seed + 2);
    write_safetensors(directory_ / kData, data.test);
  }

  MemoryModel train_one(const std::string& name, const MemoryModel& share, std::uint64_t seed) {
    const auto start = std::chrono::steady_clock::now();
    const TorchNetwork network = train_demo_network(share, seed);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    say(fmt::format("{}: {:.1f} s", name, took.count()));
    network.save(directory_ / kGraph);
    return network.weights();
  }

  void commit_both() {
    title("Both into one repository: an ordinary git repository that knows checkpoints");
    shell({"mgit", "init", "-q", "-b", "main"});
    introduce_user();
    os::write_file(directory_ / ".mgitconfig", as_bytes(kConfig));
    write_safetensors(directory_ / kCheckpoint, main_);
    shell({"mgit", "add", "."});
    shell({"mgit", "commit", "-q", "-m", "Train on share 1"});
    shell({"mgit", "switch", "-q", "-c", "feature-branch"});
    write_safetensors(directory_ / kCheckpoint, feature_);
    shell({"mgit", "add", kCheckpoint});
    shell({"mgit", "commit", "-q", "-m", "Train on share 2"});
    shell({"mgit", "switch", "-q", "main"});
    title("A network is code: nothing runs that was not accepted in this repository");
    shell({"mgit", "trust"});
  }

  /// Commits need a name; a fresh machine has none.
  void introduce_user() const {
    const bool known =
        run_process({"git", "config", "user.email"}, {.directory = directory_.string()}).status ==
        0;
    if (known) return;
    shell({"git", "config", "user.name", "mgit demo"});
    shell({"git", "config", "user.email", "demo@localhost"});
  }

  void rebase_and_merge() {
    title("Between two networks lies a wall: halfway, the average is worse than either");
    shell({"mgit", "barrier", "main", "feature-branch"});
    title("Rebase: reorder feature-branch's hidden units to match main's. The function stays.");
    shell({"mgit", "rebase", "feature-branch", "onto", "main"});
    shell({"mgit", "barrier", "main", "feature-branch", "--no-draw"});
    title("Now the average of both is a network of its own");
    shell({"mgit", "merge", "feature-branch"});
    shell({"mgit", "eval", "main^1", "main^2", "main"});
    title("How the merged model came to be");
    shell({"mgit", "lineage", "main"});
    shell({"mgit", "log", "--graph", "--oneline"});
  }

  MemoryModel committed(const Workspace& repository, const std::string& revision) const {
    const auto checkpoint = repository.checkpoint_at(repository.require(revision), kCheckpoint);
    if (!checkpoint) throw MissingError(std::string("has no ") + kCheckpoint, revision);
    MemoryModel model;
    const StoredModel stored(repository.store(), checkpoint->manifest);
    for (const TensorInfo& info : stored.tensors()) {
      const TensorData tensor = stored.read(info.name);
      model.set(info, Buffer(tensor.view.data.begin(), tensor.view.data.end()));
    }
    return model;
  }

  /// Measured again with the library, from what the repository holds now.
  void conclude() {
    title("Before and after");
    const Workspace repository = Workspace::discover(directory_);
    const auto evaluator =
        open_evaluator({.graph = directory_ / kGraph, .data = directory_ / kData});
    const BarrierCurve before = barrier_curve(*evaluator, main_, feature_);
    const BarrierCurve after = barrier_curve(*evaluator, main_, committed(repository, "main^2"));
    draw(before, after);
    say();
    say(fmt::format("{:<28} {:>8} {:>10}", "on the test pictures", "loss", "accuracy"));
    row("main, share 1", before.points.front());
    row("feature-branch, share 2", before.points.back());
    row("naive average", evaluator->evaluate(InterpolatedModel(main_, feature_, 0.5)));
    row("merge after rebase", evaluator->evaluate(committed(repository, "main")));
    say();
    say("The repository is in " + directory_.string() + ". Try there:");
    say("  mgit diff main^1 main          which tensors changed, and by how much");
    say("  mgit spec show main            which hidden units can be reordered");
    say("  git show main:model.safetensors    what git itself keeps of a checkpoint");
  }

  void draw(const BarrierCurve& before, const BarrierCurve& after) const {
    NamedCurve first{"before rebase", before.lambda, {}};
    NamedCurve second{"after rebase", after.lambda, {}};
    for (const Evaluation& point : before.points) first.y.push_back(point.loss);
    for (const Evaluation& point : after.points) second.y.push_back(point.loss);
    std::string picture = draw_curves({first, second}, "main (0) to feature-branch (1)",
                                      "loss on the test pictures", 72, 16, options_.colour);
    picture.pop_back();
    say(picture);
  }

  void row(const std::string& name, const Evaluation& result) const {
    say(fmt::format("{:<28} {:>8.4f} {:>8.2f} %", name, result.loss,
                    result.accuracy.value_or(0) * 100));
  }

  const DemoOptions& options_;
  fs::path directory_;
  MemoryModel main_;
  MemoryModel feature_;
};

}  // namespace

void run_demo(const DemoOptions& options) {
  require_empty(options.directory);
  torch_plugin();
  Demo(options).run();
}

}  // namespace mgit
