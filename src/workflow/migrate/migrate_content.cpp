#include "workflow/migrate/migrate_content.h"

#include "base/process.h"
#include "base/temporary_name.h"
#include "base/unnamed_file.h"
#include "mgit/store.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

/// Larger blobs are never held in memory.
constexpr std::uint64_t kInMemory = std::uint64_t{16} << 20;
/// So much content is written to the store at once: a kill loses no more.
constexpr std::uint64_t kBatch = std::uint64_t{1} << 30;
/// A manifest is text; nothing larger is looked at.
constexpr std::uint64_t kLargestManifest = std::uint64_t{64} << 20;

std::vector<std::string> git(const Repository& repository, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"git", "--git-dir", repository.git_dir().string()});
  return arguments;
}

fs::path scratch(const Repository& repository) { return repository.mgit_dir() / "tmp"; }

void check_lfs_object(const fs::path& file, Bytes content, const LfsPointer& pointer) {
  if (content.size() != pointer.size || sha256(content) != pointer.object)
    throw CorruptError("damaged Git LFS object", file.string(), "git lfs fetch --all");
}

}  // namespace

BlobContent look_at(const ObjectDatabase& objects, const Oid& blob) {
  BlobContent content;
  content.size = objects.size(blob);
  if (content.size > kLargestManifest) return content;
  const std::string text = objects.read(blob, ObjectType::kBlob);
  if (looks_like_manifest(text)) {
    content.kind = BlobContent::Kind::kManifest;
    content.size = parse_manifest(text, "blob " + blob.hex()).size;
  } else if ((content.pointer = parse_lfs_pointer(text))) {
    content.kind = BlobContent::Kind::kLfsPointer;
    content.size = content.pointer->size;
  }
  return content;
}

ContentImporter::ContentImporter(Workspace& repository, ObjectDatabase& objects)
    : repository_(repository), objects_(objects) {}

Oid ContentImporter::convert(const std::string& path, const Oid& blob, const BlobContent& content,
                             const Manifest& previous) {
  if (content.pointer) {
    const fs::path file = lfs_path(lfs_objects(repository_), content.pointer->object);
    const MappedFile mapped(file);
    check_lfs_object(file, mapped.bytes(), *content.pointer);
    return add(path, mapped.bytes(), previous);
  }
  if (content.size <= kInMemory)
    return add(path, as_bytes(objects_.read(blob, ObjectType::kBlob)), previous);
  const UnnamedFile file(scratch(repository_));
  ProcessOptions options;
  options.output_to = file.fd();
  run_checked(git(repository_, {"cat-file", "blob", blob.hex()}), options);
  return add(path, file.map()->bytes(), previous);
}

Oid ContentImporter::add(const std::string& path, Bytes file, const Manifest& previous) {
  if (file.empty() && parse_checkpoint(file, path).tensors.empty())
    return objects_.write({}, ObjectType::kBlob);  // stands for itself
  if (!batch_) batch_ = repository_.store().begin();
  const Manifest manifest = add_checkpoint(*batch_, file, path, previous);
  pending_ += file.size();
  if (pending_ >= kBatch) finish();
  return objects_.write(manifest_text(manifest), ObjectType::kBlob);
}

void ContentImporter::finish() {
  if (batch_) batch_->commit();
  batch_.reset();
  pending_ = 0;
}

Oid export_to_git(Workspace& repository, ObjectDatabase& objects, const Manifest& manifest) {
  if (manifest.size <= kInMemory) {
    std::string content;
    write_checkpoint(repository.store(), manifest, [&](Bytes piece) { content += as_text(piece); });
    return objects.write(content, ObjectType::kBlob);
  }
  UnnamedFile file(scratch(repository));
  write_checkpoint(repository.store(), manifest, [&](Bytes piece) { file.append(piece); });
  file.rewind();
  ProcessOptions options;
  options.input_from = file.fd();
  // From a regular file git streams what is large; --stdin applies no filter.
  const std::string answer =
      run_checked(git(repository, {"hash-object", "-w", "--stdin"}), options);
  const auto blob = Oid::from_hex(answer.substr(0, answer.find('\n')));
  if (!blob) throw Error("unexpected answer", "git hash-object");
  return *blob;
}

Oid export_to_lfs(Workspace& repository, ObjectDatabase& objects, const Manifest& manifest) {
  const fs::path directory = lfs_objects(repository);
  const fs::path scratch = directory.parent_path() / "tmp";
  fs::create_directories(scratch);
  TemporaryName temporary(name_beside(scratch / "object"));
  LfsPointer pointer;
  pointer.size = manifest.size;
  Sha256 digest;
  const os::File file = os::create(temporary.path());
  write_checkpoint(repository.store(), manifest, [&](Bytes piece) {
    digest.update(piece);
    os::write_all(file, piece, temporary.path());
  });
  pointer.object = digest.finish();
  os::sync(file, temporary.path());
  const fs::path place = lfs_path(directory, pointer.object);
  fs::create_directories(place.parent_path());
  os::rename(temporary.path(), place);
  temporary.keep();
  os::sync_directory(place.parent_path());
  return objects.write(lfs_pointer_text(pointer), ObjectType::kBlob);
}

}  // namespace mgit
