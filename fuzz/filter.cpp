// git's filter protocol: any stream of packets is answered in packets, or ends with an Error; and
// what was cleaned is given back when it is smudged.
//
//   input = 0 stream | 1 content        the raw stream, or a file to clean and to smudge
#include "worktree/filter_process.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "base/process.h"
#include "filter_stream.h"
#include "format/textconv_line.h"
#include "fuzz.h"
#include "git/lfs.h"

namespace {

using namespace mgit;

/// A file in memory; its descriptor is closed at the end.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    fuzz::require(fd_ >= 0, "there is a file in memory");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const { return fd_; }
  void rewind() const { ::lseek(fd_, 0, SEEK_SET); }

 private:
  int fd_;
};

const std::filesystem::path& repository_path() {
  static const fuzz::Scratch scratch;
  static const bool made = [] {
    ::unsetenv("GIT_DIR");
    ::unsetenv("GIT_WORK_TREE");
    run_checked({"git", "init", "-q", scratch.path().string()});
    return true;
  }();
  static_cast<void>(made);
  return scratch.path();
}

void serve(const MemoryFile& input, const MemoryFile& output) {
  input.rewind();
  serve_filter(input.fd(), output.fd(), [] { return Workspace::discover(repository_path()); });
  output.rewind();
}

void skip_greeting(PacketReader& reader) {
  fuzz::require(reader.lines() && reader.lines(), "a greeting");
}

/// What the filter answers for one file; nullopt for an error.
std::optional<std::string> filtered(const char* command, std::string_view content) {
  const MemoryFile input;
  const MemoryFile output;
  PacketWriter writer(input.fd());
  fuzz::greet(writer);
  fuzz::ask(writer, command, "model", content);
  serve(input, output);

  PacketReader reader(output.fd());
  skip_greeting(reader);
  const auto status = reader.lines();
  fuzz::require(status && status->size() == 1, "a status");
  if (status->front() == "status=error") return std::nullopt;
  fuzz::require(status->front() == "status=success", "a status that git knows");
  std::string answer;
  std::string_view payload;
  while (reader.next(payload) == PacketReader::Kind::kData) answer += payload;
  const auto last = reader.lines();
  fuzz::require(last.has_value(), "an end of the answer");
  if (!last->empty()) return std::nullopt;
  return answer;
}

void clean_and_smudge(std::string_view content) {
  const auto manifest = filtered("clean", content);
  if (!manifest) return;
  if (content.empty() || parse_lfs_pointer(content) || is_textconv(content)) {
    fuzz::require(*manifest == content, "cleaned: what stands for itself");
    return;
  }
  fuzz::require(looks_like_manifest(*manifest), "cleaned: a manifest");
  if (looks_like_manifest(content)) return;
  fuzz::require(filtered("smudge", *manifest) == content, "smudged: the file as it was");
}

void any_stream(Bytes stream) {
  const MemoryFile input;
  const MemoryFile output;
  fuzz::require(
      ::write(input.fd(), stream.data(), stream.size()) == static_cast<ssize_t>(stream.size()),
      "the stream is written");
  try {
    serve(input, output);
  } catch (const Error&) {
    output.rewind();
  }
  PacketReader reader(output.fd());
  std::string_view payload;
  while (reader.next(payload) != PacketReader::Kind::kEnd) {
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::silence();
  fuzz::Input input(fuzz::bytes_of(data, size));
  if (input.u8() % 2 == 0)
    any_stream(input.rest());
  else
    clean_and_smudge(as_text(input.rest()));
  return 0;
}
