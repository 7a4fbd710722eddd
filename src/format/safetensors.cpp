#include "format/safetensors.h"

#include <fmt/format.h>

#include "base/wire.h"
#include "format/safetensors_header.h"
#include "format/stored_tensors.h"

namespace mgit {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaximumHeader = 100'000'000;

Bytes header_of(Bytes file) {
  if (file.size() < kLengthBytes)
    throw CorruptError("truncated safetensors file: shorter than its first eight bytes");
  const std::uint64_t length = wire::Reader(file).u64();
  if (length > kMaximumHeader)
    throw CorruptError(fmt::format("safetensors header too long: {} bytes", length));
  if (length > file.size() - kLengthBytes)
    throw CorruptError(
        fmt::format("truncated safetensors file: its header says {} bytes, but only {} follow",
                    length, file.size() - kLengthBytes));
  const Bytes header = file.subspan(kLengthBytes, length);
  if (header.empty() || as_text(header).front() != '{')
    throw CorruptError("broken safetensors header: it does not begin with '{'");
  return header;
}

StoredTensor place(HeaderEntry entry, std::uint64_t data_start, std::uint64_t data_size) {
  StoredTensor tensor{std::move(entry.info), data_start + entry.begin, entry.end - entry.begin};
  const std::string name = quote_name(tensor.info.name);
  if (entry.begin > entry.end)
    throw CorruptError(fmt::format("tensor {}: data_offsets run backwards", name));
  if (entry.end > data_size)
    throw CorruptError(fmt::format("tensor {}: data_offsets end at byte {} of {} (truncated file?)",
                                   name, entry.end, data_size));
  const auto expected = byte_size(tensor.info.dtype, tensor.info.shape);
  if (!expected || *expected != tensor.length)
    throw CorruptError(fmt::format("tensor {}: {} bytes do not hold {} {}", name, tensor.length,
                                   dtype_name(tensor.info.dtype), shape_text(tensor.info.shape)));
  return tensor;
}

}  // namespace

Outline outline_safetensors(Bytes file) {
  const Bytes header = header_of(file);
  const std::uint64_t data_start = kLengthBytes + header.size();
  std::vector<HeaderText> metadata;
  Outline outline;
  for (const HeaderEntry& entry : parse_safetensors_header(as_text(header), &metadata))
    outline.tensors.push_back(
        {entry.info.name, entry.begin < entry.end ? data_start + entry.begin : 0});
  for (auto& [name, value] : metadata)
    outline.scalars.push_back({std::move(name), std::move(value)});
  return outline;
}

std::vector<StoredTensor> parse_safetensors(Bytes file) {
  const Bytes header = header_of(file);
  const std::uint64_t data_start = kLengthBytes + header.size();
  std::vector<StoredTensor> tensors;
  for (HeaderEntry& entry : parse_safetensors_header(as_text(header)))
    tensors.push_back(place(std::move(entry), data_start, file.size() - data_start));
  return checked_tensors(std::move(tensors), file.size());
}

}  // namespace mgit
