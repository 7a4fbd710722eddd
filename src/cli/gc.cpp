// mgit gc, mgit prune: dropping tensor objects that nothing refers to, putting packs together.
#include "workflow/gc.h"

#include <fmt/format.h>

#include "base/words.h"
#include "cli/command.h"

namespace mgit::cli {
namespace {

void print_dropped(const GcReport& report) {
  for (const Digest& object : report.dropped) fmt::print("{}\n", object.hex());
}

void print_notes(const GcReport& report) {
  for (const std::string& note : report.notes) fmt::print(stderr, "warning: {}\n", note);
}

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
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
    const Repository repository = Repository::discover();
    GcRequest request;
    if (no_prune_)
      request.expire = "never";
    else if (!prune_.empty())
      request.expire = prune_;
    request.dry_run = dry_run_;
    request.best = best_;
    request.quiet = quiet_;
    const GcReport report = collect_garbage(repository, request);
    print_notes(report);
    if (dry_run_) print_dropped(report);
    if (!quiet_)
      fmt::print(stderr, "{} of {} objects {}, {} unreachable ones kept; {} packs, {} -> {}, {}\n",
                 report.dropped.size(), report.objects, dry_run_ ? "would be dropped" : "dropped",
                 report.unreachable - report.dropped.size(), report.packs_before,
                 megabytes(report.bytes_before), report.packs_after, megabytes(report.bytes_after));
    if (!quiet_ && report.recoded > 0)
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
    const Repository repository = Repository::discover();
    const GcReport report = collect_garbage(repository, {expire_, false, dry_run_});
    print_notes(report);
    if (dry_run_ || verbose_) print_dropped(report);
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
