// libgit2 with owners: handles that free themselves, errors that throw with libgit2's words.
// Internal to src/git.
#pragma once

#include <git2.h>

#include <cstring>
#include <memory>
#include <string>

#include "mgit/git.h"

namespace mgit::git2 {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using Handle = std::unique_ptr<T, Deleter<Free>>;

using RepositoryHandle = Handle<git_repository, git_repository_free>;
using ObjectHandle = Handle<git_object, git_object_free>;
using CommitHandle = Handle<git_commit, git_commit_free>;
using TreeHandle = Handle<git_tree, git_tree_free>;
using TreeEntryHandle = Handle<git_tree_entry, git_tree_entry_free>;
using TreeBuilderHandle = Handle<git_treebuilder, git_treebuilder_free>;
using BlobHandle = Handle<git_blob, git_blob_free>;
using OdbHandle = Handle<git_odb, git_odb_free>;
using OdbStreamHandle = Handle<git_odb_stream, git_odb_stream_free>;
using ReferenceHandle = Handle<git_reference, git_reference_free>;
using ReferenceIteratorHandle = Handle<git_reference_iterator, git_reference_iterator_free>;
using RevwalkHandle = Handle<git_revwalk, git_revwalk_free>;
using ConfigHandle = Handle<git_config, git_config_free>;
using NoteHandle = Handle<git_note, git_note_free>;
using NoteIteratorHandle = Handle<git_note_iterator, git_note_iterator_free>;
using SignatureHandle = Handle<git_signature, git_signature_free>;

/// What libgit2 says about the last failure.
inline std::string last_words() {
  const git_error* error = git_error_last();
  return error != nullptr && error->message != nullptr ? error->message : "git failed";
}

/// Throws Error with libgit2's words if `status` is a failure.
inline void check(int status, const std::string& where = {}) {
  if (status < 0) throw Error(last_words(), where);
}

/// Calls make(&object) and takes ownership of what it made; throws on failure.
template <typename H, typename Make>
H make(Make&& maker, const std::string& where = {}) {
  typename H::pointer object = nullptr;
  check(maker(&object), where);
  return H(object);
}

/// The same, but empty where make says that there is nothing (not found, or no valid name).
template <typename H, typename Make>
H find(Make&& maker, const std::string& where = {}) {
  typename H::pointer object = nullptr;
  const int status = maker(&object);
  if (status == GIT_ENOTFOUND || status == GIT_EINVALIDSPEC || status == GIT_EUNBORNBRANCH)
    return H();
  check(status, where);
  return H(object);
}

inline git_oid to_git(const Oid& id) {
  git_oid result;
  std::memcpy(result.id, id.bytes.data(), id.bytes.size());
  return result;
}

inline Oid from_git(const git_oid& id) {
  Oid result;
  std::memcpy(result.bytes.data(), id.id, result.bytes.size());
  return result;
}

}  // namespace mgit::git2
