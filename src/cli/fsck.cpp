// mgit fsck: packs, index, contents, and whether every checkpoint can be given back.
#include "workflow/fsck.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/words.h"
#include "cli/command.h"

namespace mgit::cli {
namespace {

constexpr int kProblems = 1;

Json json_of(const StoreProblem& problem) {
  Json json{{"what", problem.what}};
  if (problem.object) json["object"] = problem.object->hex();
  if (!problem.pack.empty()) {
    json["pack"] = problem.pack;
    json["offset"] = problem.offset;
  }
  return json;
}

Json json_of(const AffectedCheckpoint& checkpoint) {
  Json json{{"path", checkpoint.path}, {"manifest", checkpoint.manifest.hex()}};
  if (checkpoint.commit) {
    json["commit"] = checkpoint.commit->hex();
    json["name"] = checkpoint.name;
  }
  json["commits"] = checkpoint.commits;
  json["tensors"] = checkpoint.tensors;
  for (const Digest& object : checkpoint.objects) json["objects"].push_back(object.hex());
  json["restore"] = checkpoint.restore;
  return json;
}

class Fsck : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "--json prints one object: objects, bytes, problems and notes as lines of text, store "
        "(what, "
        "object, pack, offset of each problem) and affected (path, manifest, commit, name, "
        "commits, "
        "tensors, objects, and how to restore each checkpoint that cannot be restored).");
    const Option& full =
        options.flag("--full", full_, "decode every object and compare it with its name");
    options.flag("--connectivity-only", quick_, "trust the records and read only their headers")
        .excludes(full);
    options.flag("--rebuild", rebuild_,
                 "index all packs again first; forgets damaged objects, so that they can be "
                 "fetched or added again");
    options.flag("--json", json_, "print the result as JSON");
  }

  int run() override {
    const Workspace repository = Workspace::discover();
    if (rebuild_) repository.store().rebuild();
    const RepositoryCheck check = check_repository(repository, full_    ? FsckDepth::kContents
                                                               : quick_ ? FsckDepth::kHeaders
                                                                        : FsckDepth::kChecksums);
    if (json_)
      print_json(check);
    else
      print(check);
    return check.problems.empty() ? 0 : kProblems;
  }

 private:
  static void print(const RepositoryCheck& check) {
    for (const std::string& problem : check.problems) fmt::print("{}\n", problem);
    for (const std::string& note : check.notes) fmt::print(stderr, "note: {}\n", note);
    fmt::print(stderr, "{}, {}, {}\n", counted(check.store.objects, "object"),
               size_text(check.store.bytes), counted(check.problems.size(), "problem"));
  }

  static void print_json(const RepositoryCheck& check) {
    Json json{{"objects", check.store.objects}, {"bytes", check.store.bytes}};
    json["problems"] = check.problems;
    json["notes"] = check.notes;
    json["store"] = Json::array();
    for (const StoreProblem& problem : check.store.problems)
      json["store"].push_back(json_of(problem));
    json["affected"] = Json::array();
    for (const AffectedCheckpoint& checkpoint : check.affected)
      json["affected"].push_back(json_of(checkpoint));
    fmt::print("{}\n", json.dump());
  }

  bool full_ = false;
  bool quick_ = false;
  bool rebuild_ = false;
  bool json_ = false;
};

const Registered<Fsck> kFsck("fsck",
                             "verify the store, and that every checkpoint can be restored; status "
                             "1 if not",
                             "mgit fsck\nmgit fsck --full --json\nmgit fsck --rebuild");

}  // namespace
}  // namespace mgit::cli
