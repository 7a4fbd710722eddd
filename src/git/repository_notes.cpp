#include "git/repository_impl.h"
#include "mgit/git.h"

namespace mgit {

std::optional<std::string> Repository::note(const std::string& notes_ref, const Oid& target) const {
  const git_oid id = git2::to_git(target);
  const auto note = git2::find<git2::NoteHandle>(
      [&](git_note** out) { return git_note_read(out, impl_->git(), notes_ref.c_str(), &id); },
      notes_ref);
  if (!note) return std::nullopt;
  return std::string(git_note_message(note.get()));
}

void Repository::set_note(const std::string& notes_ref, const Oid& target,
                          const std::string& text) {
  const Signature& who = impl_->identity("GIT_COMMITTER_IDENT");
  const auto signature = git2::make<git2::SignatureHandle>([&](git_signature** out) {
    return git_signature_new(out, who.name.c_str(), who.email.c_str(), who.time, who.offset);
  });
  const git_oid id = git2::to_git(target);
  constexpr int kAttempts = 5;  // another process may move the notes ref meanwhile
  for (int attempt = 1;; ++attempt) {
    git_oid written;
    const int status = git_note_create(&written, impl_->git(), notes_ref.c_str(), signature.get(),
                                       signature.get(), &id, text.c_str(), 1);
    const bool moved = status == GIT_EMODIFIED || status == GIT_ELOCKED;
    if (moved && attempt < kAttempts) continue;
    git2::check(status, notes_ref);
    return;
  }
}

std::vector<std::pair<Oid, std::string>> Repository::notes(const std::string& notes_ref) const {
  const auto iterator = git2::find<git2::NoteIteratorHandle>(
      [&](git_note_iterator** out) {
        return git_note_iterator_new(out, impl_->git(), notes_ref.c_str());
      },
      notes_ref);
  std::vector<std::pair<Oid, std::string>> result;
  if (!iterator) return result;
  git_oid text;
  git_oid target;
  int status = 0;
  while ((status = git_note_next(&text, &target, iterator.get())) == 0)
    result.emplace_back(git2::from_git(target), impl_->blob(git2::from_git(text)));
  if (status != GIT_ITEROVER) git2::check(status, notes_ref);
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace mgit
