#include "model/operation_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/process.h"
#include "format/quote.h"
#include "format/shard_index.h"
#include "model/trailer_value.h"

namespace mgit {
namespace {

constexpr std::string_view kPrefix = "Mgit-";
constexpr const char* kRebaseKeys[] = {"Mgit-Rebase", "Mgit-Permutation", "Mgit-Spec",
                                       "Mgit-Origin"};
/// With more look-ups than this, reading all notes at once is cheaper.
constexpr std::size_t kFewNotes = 100;

/// The word after `key`; empty if there is none.
std::string word_after(const std::vector<std::string>& words, std::string_view key) {
  const auto found = std::find(words.begin(), words.end(), key);
  return found == words.end() || found + 1 == words.end() ? std::string() : *(found + 1);
}

/// "key value key value …": what follows each of `keys`, read from left to right, so that a value
/// may be spelled as a key is.
std::map<std::string_view, std::string> fields_of(const std::vector<std::string>& words,
                                                  const std::vector<std::string_view>& keys) {
  std::map<std::string_view, std::string> fields;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const auto key = std::find(keys.begin(), keys.end(), words[i]);
    if (key != keys.end()) fields.insert_or_assign(*key, words[++i]);
  }
  return fields;
}

std::string model_suffix(const std::string& path) {
  return path.empty() ? std::string() : " model " + quote_name(path);
}

std::string spec_value(const SpecRecord& spec) {
  return spec.spec.hex() + (spec.proof.empty() ? std::string() : " proof " + spec.proof);
}

std::size_t parent_number(const std::string& word) {
  std::size_t parent = 0;
  const auto end = word.data() + word.size();
  const auto read = std::from_chars(word.data(), end, parent);
  return read.ec == std::errc() && read.ptr == end && parent >= 1 ? parent : 2;
}

/// Reads trailers one by one; lines that belong to a model find it by its path.
class Parser {
 public:
  void take(const Trailer& trailer) {
    std::string value = trailer.value;
    if (trailer.key == "Mgit-Merge") return take_merge(std::move(value));
    if (trailer.key == "Mgit-Repair") return take_repair(std::move(value));
    if (trailer.key == "Mgit-Base" || trailer.key.starts_with("Mgit-Merge-") ||
        trailer.key.starts_with("Mgit-Repair-")) {
      details_.emplace_back(trailer.key, std::move(value));
      return;
    }
    const std::vector<std::string> words = words_of(value);
    if (words.empty()) return;
    if (trailer.key == "Mgit-Rebase") {
      is_rebase_ = true;
      auto fields = fields_of(words, {"onto", "method", "seed", "weighting", "order"});
      rebase_.onto = Oid::from_hex(fields["onto"]);
      rebase_.method = fields["method"];
      rebase_.seed = fields["seed"];
      rebase_.weighting = fields["weighting"];
      rebase_.order = fields["order"];
    } else if (trailer.key == "Mgit-Origin") {
      rebase_.origin = Oid::from_hex(words.front());
    } else if (trailer.key == "Mgit-Permutation") {
      rebase_.permutation = Digest::from_hex(words.front());
    } else if (trailer.key == "Mgit-Spec") {
      add_spec(rebase_.specs, words);
    }
  }

  OperationRecord finish() {
    settle_details();
    OperationRecord record;
    if (is_rebase_) record.rebase = std::move(rebase_);
    record.merges.reserve(order_.size());
    for (const std::string& model : order_) record.merges.push_back(std::move(merges_.at(model)));
    for (const std::string& model : repair_order_)
      record.repairs.push_back(std::move(repairs_.at(model)));
    return record;
  }

 private:
  static void add_spec(std::vector<SpecRecord>& specs, const std::vector<std::string>& words) {
    const auto spec = words.empty() ? std::nullopt : Digest::from_hex(words.front());
    if (spec) specs.push_back({*spec, word_after(words, "proof")});
  }

  void take_merge(std::string value) {
    const auto model = cut_model(value);
    if (!model) return;
    const std::vector<std::string> words = words_of(value);
    MergeRecord record;
    record.model = *model;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      if (words[i] == "strategy") {
        record.strategy = words[++i];
      } else if (words[i] == "weights") {
        record.weights = fmt::format(
            "{}", fmt::join(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end(), " "));
        break;
      }
    }
    if (merges_.insert_or_assign(*model, std::move(record)).second) order_.push_back(*model);
  }

  void take_repair(std::string value) {
    const auto model = cut_model(value);
    const std::vector<std::string> words = words_of(value);
    if (!model || words.empty()) return;
    RepairRecord record{*model, fmt::format("{}", fmt::join(words, " "))};
    if (repairs_.insert_or_assign(*model, std::move(record)).second)
      repair_order_.push_back(*model);
  }

  void settle_repair(const std::string& key, const std::string& model,
                     const std::vector<std::string>& words) {
    const auto found = repairs_.find(model);
    if (found == repairs_.end()) return;
    if (key == "Mgit-Repair-Data") {
      found->second.data = Digest::from_hex(words.front());
      found->second.samples = word_after(words, "samples");
    } else if (key == "Mgit-Repair-Graph") {
      found->second.graph = Digest::from_hex(words.front());
    }
  }

  void settle_details() {
    const std::string* last = nullptr;  // older records name no model beside a spec
    for (auto& [key, value] : details_) {
      const auto model = cut_model(value);
      const std::vector<std::string> words = words_of(value);
      if (!model || words.empty()) continue;
      if (key.starts_with("Mgit-Repair-")) {
        settle_repair(key, *model, words);
        continue;
      }
      const bool unnamed_spec = key == "Mgit-Merge-Spec" && model->empty() && last != nullptr &&
                                !merges_.contains(std::string());
      const auto found = merges_.find(unnamed_spec ? *last : *model);
      if (found == merges_.end()) continue;
      MergeRecord& record = found->second;
      if (key == "Mgit-Base") {
        record.base = words.front();
      } else if (key == "Mgit-Merge-Tensors") {
        record.tensors = fmt::format("{}", fmt::join(words, " "));
      } else if (key == "Mgit-Merge-Repair") {
        record.repair = fmt::format("{}", fmt::join(words, " "));
      } else if (key == "Mgit-Merge-Spec") {
        add_spec(record.specs, words);
      } else if (key == "Mgit-Merge-Permutation") {
        last = &found->first;
        if (const auto object = Digest::from_hex(words.front()))
          record.permutations.push_back(
              {*object, parent_number(word_after(words, "parent")), word_after(words, "method"),
               word_after(words, "weighting"), word_after(words, "many")});
      }
    }
  }

 private:
  bool is_rebase_ = false;
  RebaseRecord rebase_;
  std::map<std::string, MergeRecord> merges_;
  std::vector<std::string> order_;
  std::map<std::string, RepairRecord> repairs_;
  std::vector<std::string> repair_order_;
  /// Key and value of what belongs to a merge. Joined notes have their lines sorted, so that it may
  /// come before its Mgit-Merge.
  std::vector<std::pair<std::string, std::string>> details_;
};

void add_rebase(const RebaseRecord& rebase, std::vector<Trailer>& trailers) {
  std::string value;
  const auto add = [&value](const char* key, const std::string& word) {
    if (!word.empty()) value += fmt::format("{}{} {}", value.empty() ? "" : " ", key, word);
  };
  add("onto", rebase.onto ? rebase.onto->hex() : std::string());
  add("method", rebase.method);
  add("seed", rebase.seed);
  add("weighting", rebase.weighting);
  add("order", rebase.order);
  trailers.push_back({"Mgit-Rebase", value.empty() ? "unknown" : value});
  if (rebase.permutation) trailers.push_back({"Mgit-Permutation", rebase.permutation->hex()});
  for (const SpecRecord& spec : rebase.specs) trailers.push_back({"Mgit-Spec", spec_value(spec)});
  if (rebase.origin) trailers.push_back({"Mgit-Origin", rebase.origin->hex()});
}

void add_merge(const MergeRecord& merge, std::vector<Trailer>& trailers) {
  const std::string model = model_suffix(merge.model);
  std::string value;
  if (!merge.strategy.empty()) value += "strategy " + merge.strategy;
  if (!merge.weights.empty()) value += (value.empty() ? "weights " : " weights ") + merge.weights;
  trailers.push_back({"Mgit-Merge", value + model});
  if (!merge.tensors.empty()) trailers.push_back({"Mgit-Merge-Tensors", merge.tensors + model});
  if (!merge.repair.empty()) trailers.push_back({"Mgit-Merge-Repair", merge.repair + model});
  if (!merge.base.empty()) trailers.push_back({"Mgit-Base", merge.base + model});
  for (const MergedPermutation& moved : merge.permutations)
    trailers.push_back({"Mgit-Merge-Permutation",
                        fmt::format("{} parent {}{}{}{}{}", moved.permutation.hex(), moved.parent,
                                    moved.method.empty() ? "" : " method " + moved.method,
                                    moved.weighting.empty() ? "" : " weighting " + moved.weighting,
                                    moved.many.empty() ? "" : " many " + moved.many, model)});
  for (const SpecRecord& spec : merge.specs)
    trailers.push_back({"Mgit-Merge-Spec", spec_value(spec) + model});
}

void add_repair(const RepairRecord& repair, std::vector<Trailer>& trailers) {
  const std::string model = model_suffix(repair.model);
  trailers.push_back({"Mgit-Repair", repair.method + model});
  if (repair.data)
    trailers.push_back({"Mgit-Repair-Data",
                        repair.data->hex() +
                            (repair.samples.empty() ? "" : " samples " + repair.samples) + model});
  if (repair.graph) trailers.push_back({"Mgit-Repair-Graph", repair.graph->hex() + model});
}

}  // namespace

const RepairRecord* OperationRecord::repair_of(const std::string& path) const {
  for (const RepairRecord& repair : repairs)
    if (repair.model.empty() || same_model_path(repair.model, path)) return &repair;
  return nullptr;
}

const MergeRecord* OperationRecord::merge_of(const std::string& path) const {
  for (const MergeRecord& merge : merges)
    if (merge.model.empty() || same_model_path(merge.model, path)) return &merge;
  return nullptr;
}

std::vector<Trailer> operation_trailers(std::string_view message) {
  if (message.find(kPrefix) == std::string_view::npos) return {};
  std::vector<Trailer> trailers = trailers_of(message);
  std::erase_if(trailers, [](const Trailer& trailer) { return !trailer.key.starts_with(kPrefix); });
  return trailers;
}

std::vector<Trailer> note_trailers(std::string_view note) {
  // Line by line: notes that were joined have blank lines, and maybe others, between them.
  std::vector<Trailer> trailers;
  for (std::size_t at = 0; at < note.size();) {
    const std::size_t end = std::min(note.find('\n', at), note.size());
    if (const std::string_view line = note.substr(at, end - at); line.starts_with(kPrefix))
      for (Trailer& trailer : operation_trailers("operation\n\n" + std::string(line)))
        trailers.push_back(std::move(trailer));
    at = end + 1;
  }
  return trailers;
}

OperationRecord parse_operation(const std::vector<Trailer>& trailers) {
  Parser parser;
  for (const Trailer& trailer : trailers) parser.take(trailer);
  return parser.finish();
}

std::vector<Trailer> trailers_for(const OperationRecord& record) {
  std::vector<Trailer> trailers;
  for (const MergeRecord& merge : record.merges) add_merge(merge, trailers);
  for (const RepairRecord& repair : record.repairs) add_repair(repair, trailers);
  if (record.rebase) add_rebase(*record.rebase, trailers);
  return trailers;
}

std::string with_rebase(std::string_view message, const OperationRecord& record) {
  OperationRecord added = record;
  const OperationRecord own = parse_operation(operation_trailers(message));
  if (!own.merges.empty()) added.merges.clear();
  if (!own.repairs.empty()) added.repairs.clear();
  std::string text(message);
  for (const char* key : kRebaseKeys) text = without_trailers(text, key);
  return with_trailers(text, trailers_for(added));
}

std::string note_text(const OperationRecord& record) {
  std::string text;
  for (const Trailer& trailer : trailers_for(record))
    text += trailer.key + ": " + trailer.value + "\n";
  return text;
}

void write_operation_notes(const Repository& repository,
                           const std::vector<std::pair<Oid, OperationRecord>>& records) {
  if (records.empty()) return;
  ProcessOptions options;
  options.environment["GIT_DIR"] = repository.git_dir().string();
  options.directory = repository.git_dir().string();
  std::string who = run_checked({"git", "var", "GIT_COMMITTER_IDENT"}, options);
  while (who.ends_with('\n')) who.pop_back();
  constexpr std::string_view kMessage = "Notes of mgit's operations\n";
  std::string stream = fmt::format("commit {}\ncommitter {}\ndata {}\n{}", kOperationNotes, who,
                                   kMessage.size(), kMessage);
  if (repository.ref(kOperationNotes)) stream += fmt::format("from {}^0\n", kOperationNotes);
  for (const auto& [commit, record] : records) {
    const std::string text = note_text(record);
    stream += fmt::format("N inline {}\ndata {}\n{}\n", commit.hex(), text.size(), text);
  }
  options.input = stream + "done\n";
  run_checked({"git", "fast-import", "--quiet", "--done"}, options);
}

void mirror_operation(Repository& repository, const Oid& commit) {
  const OperationRecord record =
      parse_operation(operation_trailers(repository.commit(commit).message));
  if (record.empty() || repository.note(kOperationNotes, commit)) return;
  repository.set_note(kOperationNotes, commit, note_text(record));
}

std::vector<Digest> objects_named_by(const std::vector<Trailer>& trailers) {
  std::vector<Digest> objects;
  for (const Trailer& trailer : trailers) {
    if (!trailer.key.starts_with(kPrefix) ||
        !(trailer.key.ends_with("-Permutation") || trailer.key.ends_with("-Spec")))
      continue;
    std::string_view rest = trailer.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(" \t,;"), rest.size());
      if (const auto object = Digest::from_hex(rest.substr(0, end))) objects.push_back(*object);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return objects;
}

OperationReader::OperationReader(const Repository& repository)
    : repository_(repository), has_notes_(repository.ref(kOperationNotes).has_value()) {}

std::optional<std::string> OperationReader::note(const Oid& commit) {
  if (!has_notes_) return std::nullopt;
  if (!all_ && ++asked_ > kFewNotes) {
    all_.emplace();
    for (auto& [target, text] : repository_.notes(kOperationNotes))
      all_->emplace(target, std::move(text));
  }
  if (!all_) return repository_.note(kOperationNotes, commit);
  const auto found = all_->find(commit);
  return found == all_->end() ? std::nullopt : std::optional(found->second);
}

std::vector<Trailer> OperationReader::trailers(const Commit& commit) {
  std::vector<Trailer> own = operation_trailers(commit.message);
  if (!parse_operation(own).empty()) return own;
  if (const auto text = note(commit.id)) return note_trailers(*text);
  return own;
}

bool OperationReader::disagree(const Commit& commit) {
  const OperationRecord own = parse_operation(operation_trailers(commit.message));
  const auto text = own.empty() ? std::nullopt : note(commit.id);
  if (!text) return false;
  const OperationRecord noted = parse_operation(note_trailers(*text));
  if (own.rebase && noted.rebase && *own.rebase != *noted.rebase) return true;
  for (const RepairRecord& repair : noted.repairs)
    if (const RepairRecord* ours = own.repair_of(repair.model);
        ours != nullptr && ours->model == repair.model && *ours != repair)
      return true;
  std::map<std::string, const MergeRecord*> merges;
  for (const MergeRecord& merge : own.merges) merges.emplace(merge.model, &merge);
  return std::any_of(noted.merges.begin(), noted.merges.end(), [&](const MergeRecord& merge) {
    const auto found = merges.find(merge.model);
    return found != merges.end() && *found->second != merge;
  });
}

OperationRecord OperationReader::of(const Commit& commit) {
  return parse_operation(trailers(commit));
}

}  // namespace mgit
