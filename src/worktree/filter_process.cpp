#include "worktree/filter_process.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "worktree/clean_filter.h"
#include "worktree/lazy.h"
#include "worktree/pending_checkout.h"
#include "worktree/pkt_line.h"
#include "worktree/reading_only.h"

namespace mgit {
namespace {

/// The value of a line KEY=VALUE; empty if there is none.
std::string value_of(const std::vector<std::string>& lines, std::string_view key) {
  for (const std::string& line : lines)
    if (line.starts_with(key) && line.substr(key.size()).starts_with('='))
      return line.substr(key.size() + 1);
  return {};
}

/// One conversation with git (gitattributes(5), "Long Running Filter Process"). A file that fails
/// is answered with an error, and the conversation goes on.
class FilterProcess {
 public:
  FilterProcess(int input, int output, const std::function<Workspace()>& open)
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
    const std::string command = value_of(keys, "command");
    const std::string path = value_of(keys, "pathname");
    begun_ = false;
    received_ = false;
    try {
      if (command == "clean")
        clean(path);
      else if (command == "smudge")
        smudge(path);
      else
        throw Error("unknown filter command '" + command + "'", path);
      output_.flush();
      output_.flush();
    } catch (const Error& error) {
      complain(error, path);
    } catch (const std::bad_alloc&) {
      complain(Error("out of memory"), path);
    } catch (const std::exception& error) {
      complain(Error(error.what()), path);
    }
  }

  /// The content of the file that is being served, to its end.
  void receive(const std::function<void(std::string_view)>& sink) {
    std::string_view payload;
    while (!received_) {
      switch (input_.next(payload)) {
        case PacketReader::Kind::kData:
          sink(payload);
          break;
        case PacketReader::Kind::kFlush:
          received_ = true;
          break;
        case PacketReader::Kind::kEnd:
          throw Error("git ended in the middle of a file", "mgit filter-process");
      }
    }
  }

  void clean(const std::string& path) {
    Workspace& where = repository();
    if (!previous_) previous_.emplace(where);
    CleanFilter filter(where, *previous_, path);
    receive([&](std::string_view part) { filter.append(part); });
    answer(as_bytes(filter.finish()));
  }

  void smudge(const std::string& path) {
    ReceivedContent received({}, [this] { return scratch_directory(repository()); });
    receive([&](std::string_view part) { received.append(part); });
    write_out(received.content(), path);
  }

  void write_out(Bytes content, const std::string& path) {
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
    if (!ready_to_place(repository(), manifest, path)) {
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
    receive([](std::string_view) {});
    const std::string where =
        error.where().empty() || error.where() == path ? path : path + ": " + error.where();
    fmt::print(stderr, "error: {}: {}{}\n", where, error.what(),
               error.hint().empty() ? "" : " (" + error.hint() + ")");
    if (begun_) output_.flush();
    output_.line("status=error");
    output_.flush();
  }

  Workspace& repository() {
    if (!repository_) repository_.emplace(open_());
    return *repository_;
  }

  PacketReader input_;
  PacketWriter output_;
  std::function<Workspace()> open_;
  std::optional<Workspace> repository_;
  std::optional<PreviousVersions> previous_;
  bool begun_ = false;     // the answer
  bool received_ = false;  // the whole content
};

}  // namespace

void serve_filter(int input, int output, const std::function<Workspace()>& open) {
  // The most that is granted to everybody. git and the filter wait less for each other.
  ::fcntl(input, F_SETPIPE_SZ, 1 << 20);
  ::fcntl(output, F_SETPIPE_SZ, 1 << 20);
  FilterProcess(input, output, open).serve();
}

}  // namespace mgit
