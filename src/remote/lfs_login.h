// Where the Git LFS server of a repository on an ssh host is, and who we are there: what
// `git-lfs-authenticate` says over ssh on hosts such as GitHub and GitLab.
#pragma once

#include <map>
#include <mutex>

#include "remote/lfs_batch.h"
#include "remote/ssh_command.h"

namespace mgit {

/// Any thread may call.
class LfsLogin {
 public:
  /// `url`: of the repository, for messages.
  LfsLogin(SshCommand ssh, std::string url) : ssh_(std::move(ssh)), url_(std::move(url)) {}

  /// The host knows no such command, or has no server for this repository.
  class NoServer : public Error {
   public:
    using Error::Error;
  };

  /// Its headers may hold a token. Asked for once, until it is forgotten. Throws NoServer.
  LfsAction server(LfsOperation operation);
  /// A token has grown old.
  void forget(LfsOperation operation);

 private:
  LfsAction ask(LfsOperation operation) const;

  SshCommand ssh_;
  std::string url_;
  std::mutex mutex_;
  std::map<LfsOperation, LfsAction> known_{};
};

}  // namespace mgit
