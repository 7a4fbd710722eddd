#include "lineage/records.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

namespace mgit {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// The word after `key`; empty if there is none.
std::string word_after(const std::vector<std::string>& words, std::string_view key) {
  const auto found = std::find(words.begin(), words.end(), key);
  return found == words.end() || found + 1 == words.end() ? std::string() : *(found + 1);
}

/// Cuts "… model <path>" off a value; the path may hold spaces.
std::string cut_model(std::string& value) {
  constexpr std::string_view kKey = " model ";
  const std::size_t place = value.find(kKey);
  if (place == std::string::npos) return {};
  std::string model = value.substr(place + kKey.size());
  value.resize(place);
  return model;
}

// JSON has no infinity and no NaN; a diverged network has both.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double number_of(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Digest digest_of(const Json& object, const char* key) {
  return Digest::from_hex(text_of(object, key)).value_or(Digest());
}

}  // namespace

std::vector<Trailer> operation_trailers(std::string_view message) {
  constexpr std::string_view kPrefix = "Mgit-";
  if (message.find(kPrefix) == std::string_view::npos) return {};
  std::vector<Trailer> trailers = trailers_of(message);
  std::erase_if(trailers,
                [&](const Trailer& trailer) { return !trailer.key.starts_with(kPrefix); });
  return trailers;
}

std::vector<Trailer> note_trailers(std::string_view note) {
  return operation_trailers("operation\n\n" + std::string(note));
}

std::optional<RebaseRecord> rebase_record(const std::vector<Trailer>& trailers) {
  RebaseRecord record;
  bool found = false;
  for (const Trailer& trailer : trailers) {
    const std::vector<std::string> words = words_of(trailer.value);
    if (words.empty()) continue;
    if (trailer.key == "Mgit-Rebase") {
      found = true;
      record.onto = Oid::from_hex(word_after(words, "onto"));
      record.method = word_after(words, "method");
      record.seed = word_after(words, "seed");
    } else if (trailer.key == "Mgit-Origin") {
      record.origin = Oid::from_hex(words.front());
    } else if (trailer.key == "Mgit-Permutation") {
      record.permutation = Digest::from_hex(words.front());
    } else if (trailer.key == "Mgit-Spec") {
      if (const auto spec = Digest::from_hex(words.front()))
        record.specs.push_back({*spec, word_after(words, "proof")});
    }
  }
  return found ? std::optional(record) : std::nullopt;
}

std::vector<MergeRecord> merge_records(const std::vector<Trailer>& trailers) {
  std::vector<MergeRecord> records;
  for (const Trailer& trailer : trailers) {
    if (trailer.key != "Mgit-Merge") continue;
    std::string value = trailer.value;
    MergeRecord record;
    record.model = cut_model(value);
    std::vector<std::string> words = words_of(value);
    record.strategy = word_after(words, "strategy");
    const auto weights = std::find(words.begin(), words.end(), "weights");
    if (weights != words.end())
      record.weights = fmt::format("{}", fmt::join(weights + 1, words.end(), " "));
    records.push_back(std::move(record));
  }
  for (const Trailer& trailer : trailers) {
    if (trailer.key != "Mgit-Base") continue;
    std::string value = trailer.value;
    const std::string model = cut_model(value);
    const std::vector<std::string> words = words_of(value);
    for (MergeRecord& record : records)
      if (record.model == model && !words.empty()) record.base = words.front();
  }
  return records;
}

std::string evaluation_line(const EvaluationRecord& record) {
  Json line;
  line["path"] = record.path;
  line["checkpoint"] = record.checkpoint.hex();
  line["data"] = record.data.hex();
  line["data_name"] = record.data_name;
  line["loss_name"] = record.loss_name;
  line["loss"] = number(record.result.loss);
  if (record.result.accuracy) line["accuracy"] = number(*record.result.accuracy);
  line["samples"] = record.result.samples;
  line["recorded"] = record.recorded;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<EvaluationRecord> parse_evaluation(const Oid& commit, std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("loss")) return std::nullopt;
  EvaluationRecord record;
  record.commit = commit;
  record.path = text_of(json, "path");
  record.checkpoint = digest_of(json, "checkpoint");
  record.data = digest_of(json, "data");
  record.data_name = text_of(json, "data_name");
  record.loss_name = text_of(json, "loss_name");
  record.result.loss = number_of(json["loss"]);
  if (json.contains("accuracy")) record.result.accuracy = number_of(json["accuracy"]);
  if (json.contains("samples") && json["samples"].is_number_unsigned())
    record.result.samples = json["samples"].get<std::uint64_t>();
  if (json.contains("recorded") && json["recorded"].is_number_integer())
    record.recorded = json["recorded"].get<std::int64_t>();
  return record;
}

std::vector<EvaluationRecord> parse_evaluations(const Oid& commit, std::string_view note) {
  std::vector<EvaluationRecord> records;
  while (!note.empty()) {
    const std::size_t end = std::min(note.find('\n'), note.size());
    if (auto record = parse_evaluation(commit, note.substr(0, end)))
      records.push_back(std::move(*record));
    note.remove_prefix(std::min(end + 1, note.size()));
  }
  return records;
}

}  // namespace mgit
