#include "lineage/records.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace mgit {
namespace {

using Json = nlohmann::ordered_json;

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
