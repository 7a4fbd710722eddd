// What torch.save writes: the ZIP format of PyTorch 1.6 and later, and the one before it.
//
// https://docs.pytorch.org/docs/stable/notes/serialization.html; the old format is what
// torch.serialization._legacy_load reads. Nothing in a file is ever run (pickle.h). Tensors are
// found where the pickled object holds them (torch_tree.h); a storage that none of them lies in is
// a U8 tensor named by its place in the file. Pure functions of bytes.
#pragma once

#include <optional>

#include "format/outline.h"
#include "format/zip.h"
#include "mgit/format.h"

namespace mgit {

/// Format "pytorch". nullopt: no archive of torch.save's, or one whose pickle is not understood
/// (TorchScript, objects nested without end). Throws Error for one from a big-endian machine.
std::optional<ParsedCheckpoint> parse_torch(Bytes file, const std::vector<ZipEntry>& entries);

/// Format "pytorch-legacy"; nullopt and errors as above.
std::optional<ParsedCheckpoint> parse_torch_legacy(Bytes file);

/// Of a file that the parsers above understand. Throws CorruptError for others.
Outline outline_torch(Bytes file, const std::vector<ZipEntry>& entries);
Outline outline_torch_legacy(Bytes file);

/// Format "zip": each entry's bytes as they stand in the archive are a U8 tensor with its name.
ParsedCheckpoint parse_zip(Bytes file, const std::vector<ZipEntry>& entries);

}  // namespace mgit
