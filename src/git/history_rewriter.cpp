#include "git/history_rewriter.h"

#include <fmt/format.h>

#include <unordered_set>

#include "base/process.h"

namespace mgit {
namespace {

constexpr std::size_t kLongestPath = 1U << 13U;

/// The id after "tree ", "parent ", "object ".
Oid id_in(std::string_view line, std::string_view key) {
  const auto id = Oid::from_hex(line.substr(key.size(), line.size() - key.size() - 1));
  if (!id) throw CorruptError("damaged object: no id after " + std::string(key));
  return *id;
}

/// The header of a commit or tag, cut into fields with their continuation lines and line ends, and
/// what follows: a blank line and the message.
struct Parts {
  std::vector<std::string> fields;
  std::string rest;
};

Parts parts_of(std::string_view content) {
  Parts parts;
  while (!content.empty() && content.front() != '\n') {
    const std::size_t end = content.find('\n');
    if (end == std::string_view::npos)
      throw CorruptError("damaged object: its header does not end");
    const std::string_view line = content.substr(0, end + 1);
    if (line.front() == ' ' && !parts.fields.empty())
      parts.fields.back() += line;
    else
      parts.fields.emplace_back(line);
    content.remove_prefix(end + 1);
  }
  parts.rest = content;
  return parts;
}

std::string joined(const Parts& parts) {
  std::string content;
  for (const std::string& field : parts.fields) content += field;
  return content + parts.rest;
}

std::string place_of(const Oid& tree, const std::string& prefix) {
  return std::string(tree.bytes.begin(), tree.bytes.end()) + prefix;
}

/// Visits each file of a history once for each path it has there, however many commits share it.
/// For one thread; a tree is read once for each place.
class Visitor {
 public:
  Visitor(const ObjectDatabase& objects,
          const std::function<void(const std::string&, const Oid&)>& visit)
      : objects_(objects), visit_(visit) {}

  void tree(const Oid& id, const std::string& prefix) {
    if (prefix.size() > kLongestPath)
      throw CorruptError("directories are nested too deeply", prefix);
    if (!seen_.insert(place_of(id, prefix)).second) return;
    for (const RawEntry& entry : parse_tree(objects_.read(id, ObjectType::kTree))) {
      const std::string path = prefix + entry.name;
      if (entry.is_tree())
        tree(entry.id, path + "/");
      else if (entry.is_file() && seen_.insert(place_of(entry.id, path)).second)
        visit_(path, entry.id);
    }
  }

 private:
  const ObjectDatabase& objects_;
  const std::function<void(const std::string&, const Oid&)>& visit_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

HistoryRewriter::HistoryRewriter(ObjectDatabase& objects, FileRule file_rule, RootRule root_rule)
    : objects_(objects), file_rule_(std::move(file_rule)), root_rule_(std::move(root_rule)) {}

std::vector<RawEntry> HistoryRewriter::entries(const Oid& tree, const std::string& prefix,
                                               bool& files_changed) {
  if (prefix.size() > kLongestPath) throw CorruptError("directories are nested too deeply", prefix);
  std::vector<RawEntry> result;
  for (RawEntry& entry : parse_tree(objects_.read(tree, ObjectType::kTree))) {
    const std::string path = prefix + entry.name;
    std::optional<Oid> now = entry.id;
    if (entry.is_tree()) {
      const Subtree& below = subtree(entry.id, path + "/");
      files_changed = files_changed || below.files_changed;
      now = below.id;
    } else if (entry.is_file()) {
      now = file_rule_(path, entry);
      files_changed = files_changed || (now != entry.id && entry.name != ".gitattributes");
    }
    if (!now) continue;
    entry.id = *now;
    result.push_back(std::move(entry));
  }
  return result;
}

const HistoryRewriter::Subtree& HistoryRewriter::subtree(const Oid& tree,
                                                         const std::string& prefix) {
  const std::string place = place_of(tree, prefix);
  if (const auto known = trees_.find(place); known != trees_.end()) return known->second;
  Subtree result;
  const std::vector<RawEntry> rewritten = entries(tree, prefix, result.files_changed);
  if (!rewritten.empty()) result.id = objects_.write(tree_content(rewritten), ObjectType::kTree);
  return trees_.emplace(place, result).first->second;
}

Oid HistoryRewriter::root(const Oid& tree) {
  if (const auto known = roots_.find(tree); known != roots_.end()) return known->second;
  bool files_changed = false;
  std::vector<RawEntry> rewritten = entries(tree, "", files_changed);
  if (files_changed) root_rule_(rewritten);
  const Oid result = objects_.write(tree_content(rewritten), ObjectType::kTree);
  roots_.emplace(tree, result);
  return result;
}

Oid HistoryRewriter::commit(const Oid& id) {
  Parts parts = parts_of(objects_.read(id, ObjectType::kCommit));
  bool changed = false;
  for (std::string& field : parts.fields) {
    const bool is_tree = field.starts_with("tree ");
    if (!is_tree && !field.starts_with("parent ")) continue;
    const std::string_view key = is_tree ? "tree " : "parent ";
    const Oid before = id_in(field, key);
    const Oid after = is_tree ? root(before) : now(before);
    changed = changed || before != after;
    field = fmt::format("{}{}\n", key, after.hex());
  }
  Oid result = id;
  if (changed) {
    std::erase_if(parts.fields, [this](const std::string& field) {
      const bool signature = field.starts_with("gpgsig");
      if (signature) ++dropped_signatures_;
      return signature || field.starts_with("mergetag ");
    });
    result = objects_.write(joined(parts), ObjectType::kCommit);
  }
  commits_[id] = result;
  return result;
}

Oid HistoryRewriter::tag(const Oid& id) {
  Parts parts = parts_of(objects_.read(id, ObjectType::kTag));
  if (parts.fields.empty() || !parts.fields.front().starts_with("object "))
    throw CorruptError("damaged tag", id.hex());
  const Oid before = id_in(parts.fields.front(), "object ");
  const ObjectType type = objects_.type(before);
  const Oid after = type == ObjectType::kTag ? tag(before) : now(before);
  if (before == after) return id;
  parts.fields.front() = "object " + after.hex() + "\n";
  for (const char* kind : {"PGP SIGNATURE", "PGP MESSAGE", "SSH SIGNATURE", "SIGNED MESSAGE"}) {
    const std::size_t place = parts.rest.find(fmt::format("\n-----BEGIN {}-----\n", kind));
    if (place == std::string::npos) continue;
    parts.rest.resize(place + 1);
    ++dropped_signatures_;
  }
  return objects_.write(joined(parts), ObjectType::kTag);
}

Oid HistoryRewriter::now(const Oid& commit) const {
  const auto found = commits_.find(commit);
  return found == commits_.end() ? commit : found->second;
}

void visit_files(const ObjectDatabase& objects, const std::vector<Oid>& commits,
                 const std::function<void(const std::string&, const Oid&)>& visit) {
  Visitor visitor(objects, visit);
  for (const Oid& id : commits) {
    const Parts parts = parts_of(objects.read(id, ObjectType::kCommit));
    if (parts.fields.empty() || !parts.fields.front().starts_with("tree "))
      throw CorruptError("damaged commit", id.hex());
    visitor.tree(id_in(parts.fields.front(), "tree "), "");
  }
}

void update_refs(const Repository& repository, const std::vector<RefChange>& changes,
                 const std::string& log_message) {
  ProcessOptions options;
  options.input.emplace();
  for (const RefChange& change : changes) {
    // An empty old value: the ref must not exist.
    *options.input += fmt::format("update {}", change.name) + '\0' + change.after.hex() + '\0' +
                      change.before.value_or(Oid()).hex() + '\0';
  }
  run_checked({"git", "--git-dir", repository.git_dir().string(), "update-ref", "--create-reflog",
               "-m", log_message, "-z", "--stdin"},
              options);
}

}  // namespace mgit
