#include "workflow/staged_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/mapped_file.h"
#include "base/process.h"
#include "base/words.h"
#include "format/detect.h"
#include "worktree/attributes.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// Endings that usually stand for weights, in formats that mgit takes apart or not, and from which
/// size on a file of an ending is said to be kept whole if no tensors are found in it.
struct Weights {
  std::string_view ending;
  std::uintmax_t worth_a_word;
};
constexpr std::uintmax_t kSmall = 10'000;
constexpr std::uintmax_t kLarge = 1'000'000;
constexpr std::uintmax_t kVeryLarge = 10'000'000;  // of what may be anything
constexpr auto kWeights = std::to_array<Weights>({
    {".safetensors", kSmall}, {".pt", kSmall},     {".pth", kSmall},      {".ckpt", kSmall},
    {".gguf", kSmall},        {".ggml", kSmall},   {".onnx", kSmall},     {".h5", kSmall},
    {".hdf5", kSmall},        {".keras", kSmall},  {".tflite", kSmall},   {".msgpack", kSmall},
    {".weights", kSmall},     {".params", kSmall}, {".pdparams", kSmall}, {".mlmodel", kSmall},
    {".caffemodel", kSmall},  {".engine", kSmall}, {".pkl", kLarge},      {".pickle", kLarge},
    {".joblib", kLarge},      {".pb", kLarge},     {".npz", kLarge},      {".bin", kVeryLarge},
});
/// A smaller checkpoint does no harm in git.
constexpr std::uintmax_t kSmallest = 4096;

fs::path ending_of(const std::string& path) { return fs::path(path).extension(); }

bool is_checkpoint(const fs::path& file, const std::string& path) {
  try {
    return holds_tensors(MappedFile(file).bytes(), path);
  } catch (const Error&) {  // not to be read
    return false;
  }
}

std::string in_words(const std::string& attribute, const std::string& value) {
  if (value == "unset") return "-" + attribute;
  if (value == "set") return attribute;
  return attribute + "=" + value;
}

std::vector<std::string> external_files_of(const fs::path& file) {
  if (ending_of(file.string()) != ".onnx" || !fs::is_regular_file(file)) return {};
  try {
    return external_files(MappedFile(file).bytes());
  } catch (const Error&) {
    return {};
  }
}

bool is_in_index(const Repository& repository, const std::string& path) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  return !run_checked({"git", "ls-files", "-z", "--", ":(top,literal)" + path}, options).empty();
}

/// A file that `path` says some of its tensors are in; empty if all is well with it.
std::string external_warning(const Repository& repository, const std::string& path,
                             const std::string& location) {
  const fs::path place = (fs::path(path).parent_path() / location).lexically_normal();
  const std::string name = place.string();
  if (place.is_absolute() || name.starts_with(".."))
    return fmt::format("{}: some of its weights lie outside this repository: {}", path, location);
  const bool ours = tracked_by_mgit(repository, {name}).front();
  if (!fs::exists(repository.work_dir() / place))
    return fmt::format("{}: its weights should lie in {}, which is not there", path, name);
  const bool staged = is_in_index(repository, name);
  if (ours && staged) return {};
  if (ours)
    return fmt::format("{}: its weights lie in {}, which is not staged (mgit add {})", path, name,
                       name);
  const std::string how = staged ? "git add --renormalize " + name : "mgit add " + name;
  return fmt::format(
      "{}: its weights lie in {}, which mgit does not track{} (mgit track '{}', then {})", path,
      name, staged ? ": git keeps it whole" : "", name, how);
}

}  // namespace

const std::vector<std::string>& attributes_for_warnings() {
  static const std::vector<std::string> kNames{"filter", "diff", "merge", "text"};
  return kNames;
}

std::vector<std::string> unfiltered_warnings(const Repository& repository, const StagedPath& file) {
  const std::string& filter = file.attributes.at("filter");
  const fs::path place = repository.work_dir() / file.path;
  std::error_code error;
  if (file.is_link || !fs::is_regular_file(fs::symlink_status(place, error))) return {};
  if (file.is_covered)
    return {
        fmt::format("{}: a pattern of mgit's covers it, but another line of .gitattributes "
                    "says {}, and that counts",
                    file.path, in_words("filter", filter))};
  const std::string ending = ending_of(file.path).string();
  const auto* const weights = std::ranges::find(kWeights, ending, &Weights::ending);
  const bool is_named = weights != kWeights.end();
  const std::uintmax_t size = fs::file_size(place, error);
  if (error || size < (is_named ? kSmallest : kLarge) || filter != "unspecified") return {};
  if (is_checkpoint(place, file.path))
    return {
        fmt::format("{0}: a checkpoint that mgit does not track, kept whole by git "
                    "(mgit track '{1}', then git add --renormalize {0})",
                    file.path, pattern_for(file.path))};
  if (!is_named || size < weights->worth_a_word) return {};
  return {
      fmt::format("{0}: {1} that git keeps whole, in every version; mgit cannot tell its "
                  "tensors apart but stores what changed (mgit track '{2}', then git add "
                  "--renormalize {0})",
                  file.path, size_text(size), pattern_for(file.path))};
}

std::vector<std::string> checkpoint_warnings(const Repository& repository, const StagedPath& file) {
  if (file.is_link)
    return {fmt::format("{}: a symbolic link: git stores where it points, not the checkpoint",
                        file.path)};
  std::vector<std::string> lines;
  const auto spoiled = [&](const char* attribute, std::string_view wanted, const char* what) {
    const std::string& value = file.attributes.at(attribute);
    if (file.is_new && value != wanted && !(value == "unspecified"))
      lines.push_back(fmt::format("{}: another line of .gitattributes says {}: {}", file.path,
                                  in_words(attribute, value), what));
  };
  spoiled("merge", "mgit", "plain git merges it as a whole, not tensor by tensor");
  spoiled("diff", "mgit", "git diff does not show its tensors");
  spoiled("text", "unset", "git may change line ends of its manifest");
  for (const std::string& location : external_files_of(repository.work_dir() / file.path))
    if (std::string line = external_warning(repository, file.path, location); !line.empty())
      lines.push_back(std::move(line));
  return lines;
}

}  // namespace mgit
