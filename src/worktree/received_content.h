// The content of a file as git sends it through the filter's pipe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mapped_file.h"
#include "base/unnamed_file.h"

namespace mgit {

/// Nearly always git sends what stands in the working tree. As long as the bytes agree with that
/// file, nothing is copied: the mapped file stands for them. From the first difference on they are
/// kept, in memory, and from kInMemory on in an unnamed file.
class ReceivedContent {
 public:
  /// `file`: what the content probably is; it need not exist. `directory` tells where an unnamed
  /// file may be made.
  ReceivedContent(const std::filesystem::path& file,
                  std::function<std::filesystem::path()> directory);
  ReceivedContent(const ReceivedContent&) = delete;
  ReceivedContent& operator=(const ReceivedContent&) = delete;

  void append(std::string_view part);

  /// The file that has agreed with everything so far; nullptr: there is none. It may go on.
  std::shared_ptr<const MappedFile> agreeing() const { return file_; }

  /// Ends the appending: a file that goes on does not agree.
  void finish();
  /// Everything appended, after finish(). Throws Error if it cannot be mapped.
  Bytes content();
  /// After finish(): throws Error if the file has changed meanwhile. Then nobody knows what it was
  /// that git sent, and what agreed at first may be lost.
  void check_unchanged() const;

 private:
  static constexpr std::size_t kInMemory = std::size_t{64} << 20;

  void keep(std::string_view part);
  void leave_file();
  void spill();

  std::function<std::filesystem::path()> directory_;
  std::shared_ptr<const MappedFile> watched_;  // the file, or nullptr
  std::shared_ptr<const MappedFile> file_;     // while it agrees
  std::size_t agreed_ = 0;                     // bytes of file_
  std::string memory_;
  std::optional<UnnamedFile> unnamed_;
  std::unique_ptr<MappedFile> mapping_;  // of unnamed_
};

}  // namespace mgit
