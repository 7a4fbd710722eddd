// mgit gc, mgit prune: dropping tensor objects that nothing refers to, putting packs together.
#include "workflow/gc.h"

#include <fmt/format.h>

#include "base/words.h"
#include "cli/command.h"
#include "mgit/format.h"

namespace mgit::cli {
namespace {

/// One line for each: the object, and the tensor it was.
void print_dropped(const Collection& collection) {
  for (const Digest& object : collection.store.dropped) {
    const auto name = collection.names.find(object);
    fmt::print("{}{}\n", object.hex(),
               name == collection.names.end() ? "" : "  " + quote_name(name->second));
  }
}

void print_notes(const GcReport& report) {
  for (const std::string& note : report.notes) fmt::print(stderr, "warning: {}\n", note);
}

/// "a, b, c and 4 more".
std::string some_of(const std::set<std::string>& names) {
  constexpr std::size_t kShown = 3;
  std::string text;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown++ == kShown) break;
    text += (text.empty() ? "" : ", ") + quote_name(name);
  }
  return names.size() > kShown ? fmt::format("{} and {} more", text, names.size() - kShown) : text;
}

/// How much went, of what, and what would go without reflogs.
void print_sizes(const Collection& collection, bool dry_run) {
  const GcReport& report = collection.store;
  std::set<std::string> names;
  for (const auto& [object, name] : collection.names) names.insert(name);
  if (!report.dropped.empty())
    fmt::print(stderr, "{} {} of tensors{}\n", dry_run ? "would drop" : "dropped",
               size_text(report.dropped_bytes), names.empty() ? "" : ": " + some_of(names));
  if (collection.held > 0)
    fmt::print(stderr,
               "reflogs alone hold {}, {}{} (git reflog expire --expire=now --all lets them go)\n",
               counted(collection.held, "object"), size_text(collection.held_bytes),
               collection.held_files.empty() ? "" : ", of " + some_of(collection.held_files));
}

class Gc : public Command {
 public:
  void options(Options& options) override {
    options
        .value("--prune", prune_,
               "drop unreachable objects last used before this date (now, never, "
               "2.weeks.ago …; default: gc.pruneExpire, else two weeks ago)")
        .value_name("date")
        .optional_value();
    options.flag("--no-prune", no_prune_, "drop nothing, only put packs together");
    options.flag("--best", best_,
                 "encode versions of a tensor again, as small as possible; this takes a while");
    options.flag("-n,--dry-run", dry_run_, "print what would be dropped; change nothing");
    options.flag("-q,--quiet", quiet_, "say nothing on success");
  }

  int run() override {
    const Workspace repository = Workspace::discover();
    GcRequest request;
    if (no_prune_)
      request.expire = "never";
    else if (!prune_.empty())
      request.expire = prune_;
    request.dry_run = dry_run_;
    request.best = best_;
    request.quiet = quiet_;
    const Collection collection = collect_garbage(repository, request);
    const GcReport& report = collection.store;
    print_notes(report);
    if (dry_run_) print_dropped(collection);
    if (quiet_) return 0;
    fmt::print(stderr, "{} of {} objects {}, {} unreachable ones kept; {}, {} -> {}, {}\n",
               report.dropped.size(), report.objects, dry_run_ ? "would be dropped" : "dropped",
               report.unreachable - report.dropped.size(), counted(report.packs_before, "pack"),
               size_text(report.bytes_before), counted(report.packs_after, "pack"),
               size_text(report.bytes_after));
    print_sizes(collection, dry_run_);
    if (report.recoded > 0)
      fmt::print(stderr, "{} encoded again\n", counted(report.recoded, "tensor"));
    return 0;
  }

 private:
  std::string prune_;
  bool no_prune_ = false;
  bool best_ = false;
  bool dry_run_ = false;
  bool quiet_ = false;
};

class Prune : public Command {
 public:
  void options(Options& options) override {
    options.flag("-n,--dry-run", dry_run_, "print what would be dropped; change nothing");
    options.flag("-v,--verbose", verbose_, "print what is dropped");
    options.value("--expire", expire_, "only what was last used before this date (default: now)")
        .value_name("date");
  }

  int run() override {
    const Workspace repository = Workspace::discover();
    const Collection collection = collect_garbage(repository, {expire_, false, dry_run_});
    print_notes(collection.store);
    if (dry_run_ || verbose_) {
      print_dropped(collection);
      print_sizes(collection, dry_run_);
    }
    return 0;
  }

 private:
  std::string expire_ = "now";
  bool dry_run_ = false;
  bool verbose_ = false;
};

const Registered<Gc> kGc("gc", "drop tensor objects that nothing refers to, put packs together",
                         "mgit gc\nmgit gc --best\nmgit gc --prune=now --dry-run");
const Registered<Prune> kPrune("prune", "drop all tensor objects that nothing refers to",
                               "mgit prune -n\nmgit prune --expire=1.day.ago");

}  // namespace
}  // namespace mgit::cli
