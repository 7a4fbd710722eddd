#include "format/format_table.h"

#include <algorithm>
#include <array>

#include "format/gguf.h"
#include "format/npy.h"
#include "format/npz.h"
#include "format/onnx.h"
#include "format/safetensors.h"
#include "format/torch.h"
#include "format/zip.h"

namespace mgit {
namespace {

using Patterns = std::span<const std::string_view>;

constexpr std::array<std::string_view, 1> kSafetensorsNames{"*.safetensors"};
constexpr std::array<std::string_view, 3> kTorchNames{"*.pt", "*.pth", "*.ckpt"};
constexpr std::array<std::string_view, 2> kTorchBinNames{"pytorch_model*.bin", "adapter_model.bin"};
constexpr std::array<std::string_view, 1> kGraphNames{"*.pt2"};  // networks of torch.export
constexpr std::array<std::string_view, 1> kGgufNames{"*.gguf"};
constexpr std::array<std::string_view, 3> kOnnxNames{"*.onnx", "*.onnx.data", "*.onnx_data"};

bool any_file(Bytes /*file*/) { return true; }

/// Of formats whose parsers find tensors and say nothing else.
template <std::vector<StoredTensor> (*parse)(Bytes)>
std::optional<ParsedCheckpoint> tensors_of(Bytes file) {
  return ParsedCheckpoint{{}, file.size(), parse(file), {}};
}

std::optional<ParsedCheckpoint> parse_torch_file(Bytes file) {
  return parse_torch(file, read_zip(file));
}

Outline outline_torch_file(Bytes file) { return outline_torch(file, read_zip(file)); }

std::optional<ParsedCheckpoint> parse_npz_file(Bytes file) {
  const std::vector<ZipEntry> entries = read_zip(file);
  if (!looks_like_npz(entries)) return std::nullopt;
  return ParsedCheckpoint{{}, file.size(), parse_npz(file, entries), {}};
}

std::optional<ParsedCheckpoint> parse_zip_file(Bytes file) {
  return parse_zip(file, read_zip(file));
}

std::optional<ParsedCheckpoint> parse_onnx_file(Bytes file) {
  auto tensors = parse_onnx(file);
  if (!tensors) return std::nullopt;
  return ParsedCheckpoint{{}, file.size(), *std::move(tensors), {}};
}

constexpr std::array kFormats{
    Format{.name = kSafetensors,
           .patterns = kSafetensorsNames,
           .is_model = true,
           .strict_ending = ".safetensors",
           .looks_like = any_file,
           .parse = tensors_of<parse_safetensors>,
           .outline = outline_safetensors},
    Format{.name = "pytorch",
           .patterns = kTorchNames,
           .is_model = true,
           .rewriting = Rewriting::kChecksums,
           .looks_like = looks_like_zip,
           .parse = parse_torch_file,
           .outline = outline_torch_file},
    Format{.name = "npz",
           .patterns = Patterns{},
           .is_model = true,
           .rewriting = Rewriting::kNever,
           .looks_like = looks_like_zip,
           .parse = parse_npz_file},
    Format{.name = "zip",
           .patterns = kGraphNames,
           .looks_like = looks_like_zip,
           .parse = parse_zip_file},
    Format{.name = "gguf",
           .patterns = kGgufNames,
           .is_model = true,
           .looks_like = looks_like_gguf,
           .parse = tensors_of<parse_gguf>},
    Format{.name = "npy",
           .patterns = Patterns{},
           .is_model = true,
           .looks_like = looks_like_npy,
           .parse = tensors_of<parse_npy>},
    Format{.name = "onnx",
           .patterns = kOnnxNames,
           .is_model = true,
           .looks_like = any_file,
           .parse = parse_onnx_file},
    Format{.name = "pytorch-legacy",
           .patterns = kTorchBinNames,
           .is_model = true,
           .looks_like = any_file,
           .parse = parse_torch_legacy,
           .outline = outline_torch_legacy},
    Format{.name = kWholeFile, .patterns = Patterns{}, .looks_like = any_file},
};

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format* find_format(std::string_view name) {
  const auto* const found = std::find_if(kFormats.begin(), kFormats.end(),
                                         [&](const Format& each) { return each.name == name; });
  return found != kFormats.end() ? &*found : nullptr;
}

Rewriting rewriting_of(std::string_view name) {
  const Format* format = find_format(name);
  return format == nullptr ? Rewriting::kFree : format->rewriting;
}

bool is_known_format(std::string_view format) { return find_format(format) != nullptr; }

bool is_model_format(std::string_view format) {
  const Format* found = find_format(format);
  return found != nullptr && found->is_model;
}

}  // namespace mgit
