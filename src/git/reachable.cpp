#include "git/reachable.h"

#include <charconv>
#include <sstream>

#include "base/os.h"
#include "base/process.h"
#include "git/text.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

constexpr std::uintmax_t kLargestState = 1 << 20;
/// Of objects read by one `git cat-file`.
constexpr std::uint64_t kPiece = std::uint64_t{64} << 20;
/// A blob above this is no manifest (that would be eight million tensors).
constexpr std::uint64_t kLargestText = std::uint64_t{1} << 30;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// Every word of exactly `length` hex digits. Looks at one character in `length` where there is
/// none.
template <typename Found>
void for_each_hex_word(std::string_view text, std::size_t length, const Found& found) {
  std::size_t begin = 0;
  while (begin + length <= text.size()) {
    std::size_t last = begin + length;
    while (last > begin && is_hex(text[last - 1])) --last;
    if (last > begin) {  // text[last - 1] is no digit
      begin = last;
      continue;
    }
    std::size_t end = begin + length;
    while (end < text.size() && is_hex(text[end])) ++end;
    if (end - begin == length) found(text.substr(begin, length));
    begin = end;
  }
}

/// What an unfinished operation may have written, in one git directory.
std::vector<fs::path> state_files(const fs::path& git_dir) {
  std::vector<fs::path> files;
  std::error_code ignored;
  const auto take = [&](const fs::directory_entry& entry) {
    if (entry.is_regular_file(ignored) && !entry.is_symlink(ignored) &&
        entry.file_size(ignored) <= kLargestState && entry.path().filename() != "index" &&
        entry.path().extension() != ".db")
      files.push_back(entry.path());
  };
  for (const char* folder : {"", "rebase-merge", "rebase-apply", "sequencer", "mgit"})
    for (const auto& entry : fs::directory_iterator(git_dir / folder, ignored)) take(entry);
  // Other worktrees' own refs: bisect, rewritten.
  for (const auto& entry : fs::recursive_directory_iterator(git_dir / "refs", ignored)) take(entry);
  return files;
}

std::vector<fs::path> git_dirs(const Repository& repository) {
  std::vector<fs::path> result{repository.common_dir()};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(repository.common_dir() / "worktrees", ignored))
    if (entry.is_directory(ignored)) result.push_back(entry.path());
  return result;
}

ProcessResult run_git(const Repository& repository, std::vector<std::string> arguments,
                      const std::string& input) {
  arguments.insert(arguments.begin(), {"git", "--no-replace-objects"});
  ProcessOptions options;
  options.environment["GIT_DIR"] = repository.git_dir().string();
  options.directory = repository.git_dir().string();
  options.input = input;
  options.capture_errors = true;
  return run_process(arguments, options);
}

std::string checked_git(const Repository& repository, const std::vector<std::string>& arguments,
                        const std::string& input) {
  ProcessResult result = run_git(repository, arguments, input);
  if (result.status != 0)
    throw CorruptError("git cannot say what is reachable: " + first_words(result.errors),
                       repository.common_dir().string(), "git fsck tells more");
  return std::move(result.output);
}

struct ListedObject {
  std::string id;
  std::string type;
  std::uint64_t size = 0;
};

/// Lines of "<id> <type> <size>"; those that are "missing" are left out.
std::vector<ListedObject> listed(const std::string& lines) {
  std::vector<ListedObject> objects;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    ListedObject object;
    if (words >> object.id >> object.type >> object.size) objects.push_back(std::move(object));
  }
  return objects;
}

}  // namespace

void for_each_digest(std::string_view text, const std::function<void(const Digest&)>& found) {
  for_each_hex_word(text, 64, [&](std::string_view word) {
    if (const auto digest = Digest::from_hex(word)) found(*digest);
  });
}

/// Names of the git objects that state files mention and that exist, one per line.
std::string ReachableTexts::visit_state(const Visitor& visit) const {
  std::unordered_set<std::string> ids;
  for (const fs::path& directory : git_dirs(repository_))
    for (const fs::path& file : state_files(directory)) {
      std::string text;
      try {
        text = os::read_file(file);
      } catch (const Error&) {
        continue;  // gone meanwhile
      }
      visit({ReachableText::Kind::kState, {}, file.string(), text});
      for_each_hex_word(text, 40, [&](std::string_view word) { ids.emplace(word); });
    }
  std::string names;
  for (const std::string& id : ids) names += id + "\n";
  const std::string found = checked_git(repository_, {"cat-file", "--batch-check"}, names);
  names.clear();
  for (const ListedObject& object : listed(found)) names += object.id + "\n";
  return names;
}

void ReachableTexts::visit_objects(const std::string& listing, const Visitor& visit) {
  std::map<std::string, std::string> paths;
  std::string names;
  std::istringstream lines(listing);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string id = line.substr(0, blank);
    if (!seen_.insert(id).second) continue;
    names += id + "\n";
    if (blank + 1 < line.size()) paths.emplace(id, line.substr(blank + 1));
  }
  std::vector<ListedObject> objects =
      listed(checked_git(repository_, {"cat-file", "--batch-check", "--buffer"}, names));
  std::erase_if(objects, [](const ListedObject& object) {
    return object.type == "tree" || object.size > kLargestText;
  });
  for (std::size_t first = 0; first < objects.size();) {
    std::string piece;
    std::uint64_t size = 0;
    std::size_t end = first;
    for (; end < objects.size() && (end == first || size + objects[end].size < kPiece); ++end) {
      piece += objects[end].id + "\n";
      size += objects[end].size;
    }
    const std::string contents =
        checked_git(repository_, {"cat-file", "--batch", "--buffer"}, piece);
    std::size_t at = 0;
    for (; first < end; ++first) {
      const ListedObject& object = objects[first];
      at = contents.find('\n', at) + 1;
      if (at == 0 || contents.size() - at <= object.size)
        throw CorruptError("git returned a truncated object", object.id);
      const auto path = paths.find(object.id);
      visit({object.type == "commit" ? ReachableText::Kind::kCommit
             : object.type == "tag"  ? ReachableText::Kind::kTag
                                     : ReachableText::Kind::kBlob,
             Oid::from_hex(object.id).value_or(Oid()),
             path == paths.end() ? std::string() : path->second,
             std::string_view(contents).substr(at, object.size), by_reflog_alone_});
      at += object.size + 1;
    }
  }
}

void ReachableTexts::visit(const Visitor& visit) {
  const std::string extra = visit_state(visit);
  // A clone may lack, by intent, what a promisor remote has; anything else that is missing is
  // damage.
  const std::vector<std::string> all_refs{"rev-list", "--objects", "--all", "--indexed-objects",
                                          "--missing=allow-promisor"};
  visit_objects(checked_git(repository_, all_refs, ""), visit);
  visit_beyond_refs(extra, visit);
  std::vector<std::string> with_reflogs = all_refs;
  with_reflogs.insert(with_reflogs.begin() + 2, "--reflog");
  by_reflog_alone_ = true;
  visit_objects(checked_git(repository_, with_reflogs, ""), visit);
  by_reflog_alone_ = false;
}

/// What the objects of `extra`, one per line, reach; they need not be whole.
void ReachableTexts::visit_beyond_refs(const std::string& extra, const Visitor& visit) {
  std::istringstream ids(extra);
  // Options come on the command line: on stdin git takes them only since 2.42.
  const auto beyond_refs = [&](const std::string& input) {
    return run_git(repository_,
                   {"rev-list", "--objects", "--missing=allow-any", "--stdin", "--not", "--all"},
                   input);
  };
  ProcessResult all = beyond_refs(extra);
  if (all.status == 0) return visit_objects(all.output, visit);
  // One of them is the remains of something that git has pruned.
  for (std::string id; std::getline(ids, id);) {
    const ProcessResult one = beyond_refs(id + "\n");
    if (one.status == 0) visit_objects(one.output, visit);
  }
}

void ReachableTexts::visit_unreachable(const Visitor& visit) {
  visit_objects(checked_git(repository_,
                            {"cat-file", "--batch-all-objects", "--batch-check=%(objectname)"}, ""),
                visit);
}

}  // namespace mgit
