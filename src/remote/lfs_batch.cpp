#include "remote/lfs_batch.h"

#include "base/json.h"
#include "net/url.h"

namespace mgit {
namespace {

std::string text_of(const Json& object, std::string_view key) {
  const Json* member = object.find(key);
  return member == nullptr ? std::string() : member->string().value_or("");
}

/// A line that may go into a request.
bool is_header(const std::string& name, const std::string& value) {
  const auto is_line = [](const std::string& text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
  };
  return !name.empty() && name.find(':') == std::string::npos && is_line(name) && is_line(value);
}

std::optional<LfsAction> action_in(const Json& json) {
  LfsAction action{text_of(json, "href")};
  const auto url = Url::parse(action.href);
  if (!url || (url->scheme != "http" && url->scheme != "https")) return std::nullopt;
  if (const Json* headers = json.find("header"); headers != nullptr && headers->is_object())
    for (const auto& [name, value] : headers->members())
      if (const auto text = value.string(); text && is_header(name, *text))
        action.headers.emplace_back(name, *text);
  return action;
}

std::optional<LfsAction> action_of(const Json& object, std::string_view name) {
  const Json* actions = object.find("actions");
  const Json* action = actions == nullptr ? nullptr : actions->find(name);
  return action == nullptr ? std::nullopt : action_in(*action);
}

}  // namespace

const char* lfs_operation_name(LfsOperation operation) {
  return operation == LfsOperation::kUpload ? "upload" : "download";
}

std::optional<LfsAction> parse_lfs_action(const std::string& text) {
  const auto json = Json::parse(text);
  return json && json->is_object() ? action_in(*json) : std::nullopt;
}

std::string lfs_batch_request(LfsOperation operation, std::span<const ListedPack> packs) {
  Json objects = Json::array();
  for (const ListedPack& pack : packs)
    objects.push_back(Json{{"oid", pack.name}, {"size", pack.size}});
  return Json{{"operation", lfs_operation_name(operation)},
              {"transfers", std::vector<std::string>{"basic"}},
              {"objects", std::move(objects)},
              {"hash_algo", "sha256"}}
      .dump(-1);
}

std::optional<std::vector<LfsObject>> parse_lfs_batch(const std::string& text) {
  const auto json = Json::parse(text);
  const Json* objects = json ? json->find("objects") : nullptr;
  if (objects == nullptr || !objects->is_array()) return std::nullopt;
  std::vector<LfsObject> result;
  for (const Json& object : objects->elements()) {
    LfsObject found;
    found.oid = text_of(object, "oid");
    if (const Json* size = object.find("size")) found.size = size->natural().value_or(0);
    found.upload = action_of(object, "upload");
    found.verify = action_of(object, "verify");
    found.download = action_of(object, "download");
    if (const Json* error = object.find("error")) {
      const Json* code = error->find("code");
      found.error = static_cast<long>(code == nullptr ? 0 : code->integer().value_or(0));
      if (found.error == 0) found.error = 500;
      found.message = text_of(*error, "message");
    }
    result.push_back(std::move(found));
  }
  return result;
}

std::string lfs_verify_request(const ListedPack& pack) {
  return Json{{"oid", pack.name}, {"size", pack.size}}.dump(-1);
}

std::string lfs_message(const std::string& text) {
  const auto json = Json::parse(text);
  return json ? text_of(*json, "message") : std::string();
}

}  // namespace mgit
