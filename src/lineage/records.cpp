#include "lineage/records.h"

#include <cmath>
#include <limits>

#include "base/json.h"

namespace mgit {
namespace {

// JSON has no infinity and no NaN; a diverged network has both.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double number_of(const Json& value) {
  if (const auto number = value.number()) return *number;
  if (value.string() == "inf") return std::numeric_limits<double>::infinity();
  if (value.string() == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

std::string text_of(const Json& object, const char* key) {
  const Json* const found = object.find(key);
  return found == nullptr ? "" : found->string().value_or("");
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
  return line.dump(-1);
}

std::optional<EvaluationRecord> parse_evaluation(const Oid& commit, std::string_view line) {
  const std::optional<Json> parsed = Json::parse(std::string(line));
  const Json* const loss = parsed ? parsed->find("loss") : nullptr;
  if (loss == nullptr) return std::nullopt;
  const Json& json = *parsed;
  EvaluationRecord record;
  record.commit = commit;
  record.path = text_of(json, "path");
  record.checkpoint = digest_of(json, "checkpoint");
  record.data = digest_of(json, "data");
  record.data_name = text_of(json, "data_name");
  record.loss_name = text_of(json, "loss_name");
  record.result.loss = number_of(*loss);
  if (const Json* accuracy = json.find("accuracy")) record.result.accuracy = number_of(*accuracy);
  if (const Json* samples = json.find("samples"))
    record.result.samples = samples->natural().value_or(record.result.samples);
  if (const Json* recorded = json.find("recorded"))
    record.recorded = recorded->integer().value_or(record.recorded);
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
