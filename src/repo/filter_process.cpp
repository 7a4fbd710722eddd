#include "repo/filter_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "base/os.h"
#include "repo/ingest.h"
#include "repo/pending_checkout.h"
#include "repo/pkt_line.h"

namespace mgit {
namespace {

constexpr std::size_t kInMemory = std::size_t{64} << 20;

/// A file's content as git sends it: in memory, from kInMemory on in an unnamed file.
class Spool {
 public:
  explicit Spool(std::function<std::filesystem::path()> directory)
      : directory_(std::move(directory)) {}
  ~Spool() {
    if (mapping_ != nullptr) ::munmap(mapping_, size_);
  }
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  void append(std::string_view part) {
    if (memory_.size() + part.size() > kInMemory) spill();
    memory_.append(part);
    size_ += part.size();
  }

  /// Everything appended; ends the appending.
  Bytes content() {
    if (file_.fd() < 0) return as_bytes(memory_);
    spill();
    if (mapping_ == nullptr) {
      void* mapping = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_.fd(), 0);
      if (mapping == MAP_FAILED) throw Error("cannot map the spooled file");
      mapping_ = mapping;
    }
    return {static_cast<const std::byte*>(mapping_), size_};
  }

 private:
  void spill() {
    if (file_.fd() < 0) {
      const std::filesystem::path directory = directory_();
      std::filesystem::create_directories(directory);
      file_ = os::File(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
      if (file_.fd() < 0) file_ = named_file(directory);
    }
    os::write_all(file_, as_bytes(memory_), "spooled file");
    memory_.clear();
  }

  /// For file systems without O_TMPFILE.
  static os::File named_file(const std::filesystem::path& directory) {
    std::string name = (directory / "spool-XXXXXX").string();
    os::File file(::mkostemp(name.data(), O_CLOEXEC));
    if (file.fd() < 0)
      throw Error(std::string("cannot create a file: ") + std::strerror(errno), name);
    ::unlink(name.c_str());
    return file;
  }

  std::function<std::filesystem::path()> directory_;
  std::string memory_;
  std::size_t size_ = 0;
  os::File file_;
  void* mapping_ = nullptr;
};

class FilterProcess {
 public:
  FilterProcess(int input, int output, const std::function<Repository()>& open)
      : input_(input), output_(output), open_(open) {}

  void serve() {
    if (!greet()) return;
    while (const auto keys = input_.lines()) serve_file(*keys);
  }

 private:
  bool greet() {
    const auto welcome = input_.lines();
    if (!welcome) return false;
    const auto says = [](const std::vector<std::string>& lines, std::string_view line) {
      return std::find(lines.begin(), lines.end(), line) != lines.end();
    };
    if (!says(*welcome, "git-filter-client") || !says(*welcome, "version=2"))
      throw Error("this is not git's filter protocol, version 2", "mgit filter-process");
    output_.line("git-filter-server");
    output_.line("version=2");
    output_.flush();
    if (!input_.lines()) return false;
    output_.line("capability=clean");
    output_.line("capability=smudge");
    output_.flush();
    return true;
  }

  void serve_file(const std::vector<std::string>& keys) {
    std::string command;
    std::string path;
    for (const std::string& key : keys) {
      if (key.starts_with("command=")) command = key.substr(8);
      if (key.starts_with("pathname=")) path = key.substr(9);
    }
    Spool spool([this] { return repository().store().directory() / "tmp"; });
    receive(spool);
    begun_ = false;
    try {
      if (command == "clean")
        clean(spool.content(), path);
      else if (command == "smudge")
        smudge(spool.content(), path);
      else
        throw Error("unknown filter command '" + command + "'", path);
      output_.flush();
      output_.flush();
    } catch (const Error& error) {
      complain(error, path);
    } catch (const std::bad_alloc&) {
      complain(Error("out of memory", path), path);
    } catch (const std::filesystem::filesystem_error& error) {
      complain(Error(error.what()), path);
    }
  }

  void receive(Spool& spool) {
    std::string_view payload;
    while (true) {
      switch (input_.next(payload)) {
        case PacketReader::Kind::kData:
          spool.append(payload);
          break;
        case PacketReader::Kind::kFlush:
          return;
        case PacketReader::Kind::kEnd:
          throw Error("git ended in the middle of a file", "mgit filter-process");
      }
    }
  }

  void clean(Bytes content, const std::string& path) {
    Ingest ingest(repository());
    const std::string manifest = ingest.add(content, path);
    ingest.commit();
    answer(as_bytes(manifest));
  }

  void smudge(Bytes content, const std::string& path) {
    if (!looks_like_manifest(as_text(content))) {
      answer(content);
      return;
    }
    const Manifest manifest = parse_manifest(as_text(content), path);
    if (leaves_checkout_to_mgit(repository())) {
      note_pending(repository(), path);
      answer(content);
      return;
    }
    try {
      repository().need(manifest, path);
    } catch (const MissingError&) {
      fmt::print(stderr,
                 "warning: {0}: tensor objects are not here; left as a manifest "
                 "(mgit fetch, then mgit install)\n",
                 path);
      answer(content);
      return;
    }
    begin();
    write_checkpoint(repository().store(), manifest, [this](Bytes part) { output_.data(part); });
  }

  void begin() {
    output_.line("status=success");
    output_.flush();
    begun_ = true;
  }

  void answer(Bytes content) {
    begin();
    output_.data(content);
  }

  /// git ends the content with a flush before a second status list overrides the first.
  void complain(const Error& error, const std::string& path) {
    const std::string where =
        error.where().empty() || error.where() == path ? path : path + ": " + error.where();
    fmt::print(stderr, "error: {}: {}{}\n", where, error.what(),
               error.hint().empty() ? "" : " (" + error.hint() + ")");
    if (begun_) output_.flush();
    output_.line("status=error");
    output_.flush();
  }

  Repository& repository() {
    if (!repository_) repository_.emplace(open_());
    return *repository_;
  }

  PacketReader input_;
  PacketWriter output_;
  std::function<Repository()> open_;
  std::optional<Repository> repository_;
  bool begun_ = false;
};

}  // namespace

void serve_filter(int input, int output, const std::function<Repository()>& open) {
  FilterProcess(input, output, open).serve();
}

}  // namespace mgit
