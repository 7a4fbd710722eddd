// A program that we talk to through its stdin and stdout for a while, such as ssh.
//
// For one thread. What the program says on stderr is passed on to ours a moment later, so that its
// last words can become part of an error of ours when it ends at once.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "base/os.h"

namespace mgit {

class TalkingProcess {
 public:
  /// Throws Error if it cannot be started; a program that is not there ends with status 127.
  /// `without`: variables that it does not get.
  explicit TalkingProcess(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& without = {});
  /// Ends the program unless finish() was called.
  ~TalkingProcess();
  TalkingProcess(const TalkingProcess&) = delete;
  TalkingProcess& operator=(const TalkingProcess&) = delete;

  /// False if nobody reads any more.
  bool write(Bytes bytes);
  /// What has come, at least one byte, up to as much as fits; 0 at the end.
  std::size_t read(std::span<std::byte> out);

  struct End {
    int status = 0;      // as ProcessResult's
    std::string errors;  // what it said last and was not passed on
  };
  /// Closes its stdin and waits for its end.
  End finish();

 private:
  void pass_errors_on();
  std::string take_errors();

  int child_ = -1;
  os::File input_;
  os::File output_;
  os::File errors_;
  os::File wake_;  // ends the thread
  std::string held_;
  std::thread thread_;
};

}  // namespace mgit
