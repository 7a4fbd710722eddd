#include <gtest/gtest.h>

#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

TEST(Checkpoint, EveryFileComesBackByteForByte) {
  const TemporaryDirectory directory;
  Store store(directory.path() / "mgit");
  std::mt19937_64 random(1);
  for (int round = 0; round < 60; ++round) {
    const std::string file = random_checkpoint(random);
    const Manifest manifest = add(store, file);
    EXPECT_EQ(manifest.format, "safetensors");
    EXPECT_EQ(parse_manifest(manifest_text(manifest), "x"), manifest);
    EXPECT_EQ(checked_out(store, manifest), file);
    EXPECT_TRUE(missing_objects(store, manifest).empty());
  }
  EXPECT_TRUE(store.fsck().problems.empty());
}

TEST(Checkpoint, KeepsWhatNoParserKnowsWhole) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  for (const std::string& file : {std::string(), std::string("x"), std::string(3'000'000, 'y')}) {
    const Manifest manifest = add(store, file, "weights.bin");
    EXPECT_EQ(manifest.format, "whole");
    EXPECT_EQ(checked_out(store, manifest), file);
  }
}

TEST(Checkpoint, LargeTensorsAreStreamed) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const Buffer floats = random_floats(20'000'000, 5);  // above what is coded in memory
  const std::string file = FileBuilder()
                               .add("small", DType::kF32, {2}, "12345678")
                               .add("large", DType::kF32, {20'000'000}, to_string(floats))
                               .text();
  const Manifest manifest = add(store, file);
  EXPECT_EQ(store.info(manifest.find("large")->object)->encoding, Encoding::kZstd);
  EXPECT_EQ(sha256(as_bytes(checked_out(store, manifest))), sha256(as_bytes(file)));
  EXPECT_TRUE(store.fsck().problems.empty());
}

TEST(Checkpoint, StoresContentOnce) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  std::mt19937_64 random(2);
  const std::string data = random_bytes(4000, random);
  const auto file = [&data](const std::string& name) {
    return FileBuilder().add(name, DType::kF32, {1000}, data).text();
  };
  add(store, file("a"));
  const auto batch = store.begin();
  add_checkpoint(*batch, as_bytes(file("a")), "other.safetensors");
  EXPECT_EQ(batch->stored(), 0U);
  add_checkpoint(*batch, as_bytes(file("b")), "other.safetensors");
  EXPECT_LT(batch->stored(), 400U);  // the layout alone
}

TEST(Checkpoint, RefusesLayoutsThatLie) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const std::string file = FileBuilder().add("a", DType::kU8, {4}, "1234").text();
  const Manifest manifest = add(store, file);
  const auto refused = [&store](const Manifest& lying) {
    EXPECT_THROW(checked_out(store, lying), Error);
  };
  Manifest other = manifest;
  other.size += 1;
  refused(other);
  other = manifest;
  other.tensors.clear();
  refused(other);
  other = manifest;
  other.tensors[0].info.shape = {5};
  refused(other);
  other = manifest;
  other.tensors[0].object = manifest.layout;
  refused(other);
  other = manifest;
  other.layout = manifest.tensors[0].object;
  refused(other);
  other.layout = sha256(as_bytes("nowhere"));
  refused(other);
  EXPECT_THROW(StoredModel(store, other).read("b"), MissingError);
}

TEST(Checkpoint, SourcesReadTheSame) {
  const TemporaryDirectory directory;
  Store store(directory.path() / "mgit");
  std::mt19937_64 random(3);
  const std::string file = random_checkpoint(random);
  write_whole(directory.path() / "model.safetensors", file);
  const StoredModel stored(store, add(store, file));
  const auto mapped = open_checkpoint_file(directory.path() / "model.safetensors");
  ASSERT_EQ(stored.tensors(), mapped->tensors());
  for (const TensorInfo& info : stored.tensors())
    EXPECT_EQ(to_string(stored.read(info.name).view.data),
              to_string(mapped->read(info.name).view.data));
  EXPECT_THROW(mapped->read("no such"), MissingError);
}

TEST(Checkpoint, RealModels) {
  const auto data = shared_data();
  if (!data) GTEST_SKIP() << "no shared models";
  const TemporaryDirectory directory;
  Store store(directory.path());
  for (const auto& entry : std::filesystem::directory_iterator(*data / "models")) {
    if (!entry.is_regular_file()) continue;
    const std::string file = read_whole(entry.path());
    EXPECT_EQ(checked_out(store, add(store, file, entry.path().string())), file) << entry.path();
  }
}

}  // namespace
}  // namespace mgit
