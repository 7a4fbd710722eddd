#include "workflow/verify/receive.h"

#include <fmt/format.h>

#include <charconv>

#include "workflow/verify/verify.h"

namespace mgit {
namespace {

constexpr const char* kLimit = "mgit.receiveLimit";
constexpr std::uint64_t kUsualLimit = std::uint64_t{16} << 30;
constexpr std::string_view kNotes = "refs/notes/";
constexpr std::size_t kMostLines = 20;

/// As git reads sizes: 100m, 16g; 0 for no limit.
std::uint64_t limit_of(const Repository& repository) {
  const auto text = repository.config(kLimit);
  if (!text) return kUsualLimit;
  std::uint64_t limit = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), limit);
  const std::string unit(read.ptr, text->data() + text->size());
  const std::size_t power = unit.empty() ? 0 : std::string("kmgt").find(unit) + 1;
  if (read.ec != std::errc() || power > 4 || (power == 0 && !unit.empty()))
    throw Error("not a size, such as 100m or 16g", fmt::format("{} {}", kLimit, *text));
  return limit << (10 * power);
}

std::string line_of(const Finding& finding) {
  return fmt::format("{} {}{}: {}", finding.commit.brief(), finding.kind,
                     finding.path.empty() ? "" : " of " + quote_name(finding.path), finding.what);
}

}  // namespace

int check_received(Workspace& repository, const std::vector<ReceivedRef>& refs, const Say& say) {
  VerifyRequest request;
  request.contents = true;
  request.only_new_contents = true;
  request.signatures = false;
  request.remotes = false;
  repository.set_fetcher({});
  request.limit = limit_of(repository);
  request.revisions.clear();
  for (const ReceivedRef& ref : refs)
    if (ref.now && !ref.name.starts_with(kNotes) &&
        repository.resolve(ref.now->hex() + "^{commit}"))
      request.revisions.push_back(ref.now->hex());
  if (request.revisions.empty()) return 0;
  request.revisions.insert(request.revisions.end(), {"--not", "--all"});
  const VerifyReport report = verify(repository, request);
  std::vector<std::string> refused;
  for (const Finding& finding : report.findings) {
    if (finding.verdict == Verdict::kUnproved) say("note: not proven: " + line_of(finding));
    if (finding.verdict == Verdict::kFailed || finding.verdict == Verdict::kMissing)
      refused.push_back(line_of(finding));
  }
  for (const RawCheckpoint& raw : report.raw)
    refused.push_back(fmt::format(
        "{} {}: the checkpoint itself, where .gitattributes asks for mgit's manifest of it",
        raw.commit.brief(), quote_name(raw.path)));
  for (std::size_t i = 0; i < std::min(refused.size(), kMostLines); ++i)
    say("error: " + refused[i]);
  if (refused.size() > kMostLines)
    say(fmt::format("error: and {} more", refused.size() - kMostLines));
  if (refused.empty()) return 0;
  say(report.raw.empty()
          ? "hint: 'mgit verify' says the same where this was pushed from; 'mgit push' "
            "sends what is missing"
          : "hint: 'git add --renormalize .' where mgit is installed makes manifests");
  return 1;
}

}  // namespace mgit
