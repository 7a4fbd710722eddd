// What verifying found of one claim: a rebase, a merge or a repair of a model, a manifest, a
// signature.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mgit/git.h"

namespace mgit {

enum class Verdict : std::uint8_t {
  kProven,
  kFailed,
  kMissing,   // objects that it takes are not here
  kUnproved,  // what it takes is not in the repository: data, a graph
};
/// "proven", "FAILED", "unchecked", "unchecked".
std::string_view verdict_word(Verdict verdict);

struct Finding {
  Verdict verdict = Verdict::kProven;
  std::string kind;  // "rebase", "merge", "repair", "manifest", "object"
  Oid commit;        // zero: of no commit in particular
  std::string path;  // the model's or file's; may be empty
  std::string what;  // a line for people
  std::string tensor{};
};

/// Carries a verdict out of the check of one model.
class NotProven : public Error {
 public:
  NotProven(Verdict verdict, const std::string& what, std::string tensor = {})
      : Error(what), verdict_(verdict), tensor_(std::move(tensor)) {}
  Verdict verdict() const { return verdict_; }
  const std::string& tensor() const { return tensor_; }

 private:
  Verdict verdict_;
  std::string tensor_;
};

/// The tensors, or else the parts of the file, in which two manifests of one checkpoint differ;
/// throws NotProven (failed) naming the first and counting the others. `as`: what `expected` is.
void require_same_checkpoint(const Manifest& found, const Manifest& expected,
                             const std::string& path, const std::string& as);

/// Runs `check`, which returns the words for what it proved; an Error that it throws becomes the
/// verdict.
template <typename Check>
Finding finding_of(const std::string& kind, const Oid& commit, const std::string& path,
                   const Check& check) {
  Finding finding{Verdict::kProven, kind, commit, path, {}};
  const auto end = [&](Verdict verdict, const Error& error) {
    finding.verdict = verdict;
    finding.what = error.where().empty() || error.where() == path ? "" : error.where() + ": ";
    finding.what += error.what();
  };
  try {
    finding.what = check();
  } catch (const NotProven& error) {
    end(error.verdict(), error);
    finding.tensor = error.tensor();
  } catch (const MissingError& error) {
    end(Verdict::kMissing, error);
  } catch (const Error& error) {
    end(Verdict::kFailed, error);
  }
  return finding;
}

}  // namespace mgit
