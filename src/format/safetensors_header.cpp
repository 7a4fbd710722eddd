#include "format/safetensors_header.h"

#include <set>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::size_t kHeaderMaximumDepth = 64;
constexpr std::string_view kMetadata = "__metadata__";

[[noreturn]] void broken(const std::string& reason) {
  throw CorruptError("broken safetensors header: " + reason);
}

/// Receives the events of nlohmann's parser, which keeps no stack of its own frames: nesting costs
/// nothing, and duplicate keys, which a document tree would hide, are seen here.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(std::vector<HeaderText>* metadata) : metadata_(metadata) {}

  std::vector<HeaderEntry> take() { return std::move(entries_); }

  bool null() override {
    if (depth_ == 1 && name_ == kMetadata) return true;
    return scalar("null");
  }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_integer(number_integer_t) override { return scalar("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return scalar("a number that is not a 64-bit integer");
  }
  bool binary(binary_t&) override { return scalar("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (list_ == nullptr || depth_ != 3) return scalar("a number");
    list_->push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ == 2 && in_metadata()) {
      if (metadata_ != nullptr) metadata_->emplace_back(key_, value);
      return true;
    }
    if (depth_ != 2 || key_ != "dtype") return scalar("a string");
    const auto dtype = dtype_from_name(value);
    if (!dtype || is_opaque(*dtype))
      broken(fmt::format("{}: unknown dtype {}", entry_name(), quote_name(value)));
    entries_.back().info.dtype = *dtype;
    return true;
  }

  bool start_object(std::size_t) override {
    const bool expected = depth_ == 0 || depth_ == 1;
    if (!expected) scalar("an object");
    enter();
    if (depth_ == 2) {
      keys_.clear();
      if (!in_metadata()) entries_.push_back({{name_, DType::kF32, {}}, 0, 0});
    }
    return true;
  }

  bool key(string_t& key) override {
    if (depth_ == 1) {
      if (!names_.insert(key).second) broken("duplicate key " + quote_name(key));
      name_ = key;
    } else if (depth_ == 2) {
      if (!keys_.insert(key).second)
        broken(fmt::format("{}: duplicate key {}", entry_name(), quote_name(key)));
      key_ = key;
      list_ = nullptr;
    }
    return true;
  }

  bool end_object() override {
    if (depth_ == 2 && !in_metadata()) end_entry();
    --depth_;
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ == 2 && !in_metadata() && key_ == "shape") {
      list_ = &entries_.back().info.shape;
    } else if (depth_ == 2 && !in_metadata() && key_ == "data_offsets") {
      offsets_.clear();
      list_ = &offsets_;
    } else {
      scalar("an array");
    }
    enter();
    return true;
  }

  bool end_array() override {
    --depth_;
    if (depth_ == 2) list_ = nullptr;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    broken(fmt::format("bad JSON at byte {}", position));
  }

 private:
  bool in_metadata() const { return name_ == kMetadata; }
  std::string entry_name() const { return (in_metadata() ? "" : "tensor ") + quote_name(name_); }

  void enter() {
    if (++depth_ > kHeaderMaximumDepth) broken("nested too deeply");
  }

  /// A value where none of its kind belongs. Keys that the format does not know are skipped.
  bool scalar(const char* kind) const {
    if (depth_ == 0) broken(fmt::format("{} instead of an object", kind));
    if (depth_ == 1) broken(fmt::format("{}: {} instead of an object", entry_name(), kind));
    if (in_metadata()) broken(fmt::format("{}: {} instead of a string", entry_name(), kind));
    if (key_ == "dtype" || key_ == "shape" || key_ == "data_offsets")
      broken(fmt::format("{}: {} has {}", entry_name(), key_, kind));
    return true;
  }

  void end_entry() {
    for (const char* needed : {"dtype", "shape", "data_offsets"})
      if (!keys_.contains(needed)) broken(fmt::format("{}: no {}", entry_name(), needed));
    if (offsets_.size() != 2)
      broken(fmt::format("{}: data_offsets has {} numbers, not 2", entry_name(), offsets_.size()));
    entries_.back().begin = offsets_[0];
    entries_.back().end = offsets_[1];
  }

  std::vector<HeaderText>* metadata_;
  std::vector<HeaderEntry> entries_;
  std::unordered_set<std::string> names_;
  std::set<std::string> keys_;  // of the current entry
  std::string name_;
  std::string key_;
  Shape offsets_;
  Shape* list_ = nullptr;  // where numbers of the current array go
  std::size_t depth_ = 0;  // objects and arrays that are open
};

}  // namespace

std::vector<HeaderEntry> parse_safetensors_header(std::string_view json,
                                                  std::vector<HeaderText>* metadata) {
  // nlohmann takes a NUL between values for the end of its input.
  if (const auto nul = json.find('\0'); nul != std::string_view::npos)
    broken(fmt::format("bad JSON at byte {}", nul + 1));
  HeaderReader reader(metadata);
  nlohmann::json::sax_parse(json, &reader);
  return reader.take();
}

}  // namespace mgit
