#include "remote/lfs_login.h"

#include <array>

#include "base/talking_process.h"

namespace mgit {
namespace {

constexpr std::size_t kLongestAnswer = std::size_t{1} << 20;

std::string answer_of(TalkingProcess& process) {
  std::string answer;
  std::array<std::byte, 4096> piece{};
  while (answer.size() < kLongestAnswer) {
    const std::size_t count = process.read(piece);
    if (count == 0) break;
    answer += as_text(Bytes(piece).first(count));
  }
  return answer;
}

}  // namespace

LfsAction LfsLogin::server(LfsOperation operation) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(operation);
  if (known != known_.end()) return known->second;
  return known_.emplace(operation, ask(operation)).first->second;
}

void LfsLogin::forget(LfsOperation operation) {
  const std::lock_guard lock(mutex_);
  known_.erase(operation);
}

LfsAction LfsLogin::ask(LfsOperation operation) const {
  TalkingProcess process(ssh_.running("git-lfs-authenticate", lfs_operation_name(operation)),
                         repository_variables());
  const std::string answer = answer_of(process);
  const TalkingProcess::End end = process.finish();
  if (auto server = parse_lfs_action(answer); end.status == 0 && server) return *std::move(server);
  const std::string words = last_words(end.errors);
  throw NoServer(words.empty() ? "git-lfs-authenticate names no server" : "no Git LFS: " + words,
                 url_);
}

}  // namespace mgit
