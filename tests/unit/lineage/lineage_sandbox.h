// A repository whose commits hold small models, and the whole content of its lineage index as text.
#pragma once

#include <sqlite3.h>

#include <string>

#include "mgit/lineage.h"
#include "unit/workspace/workspace_sandbox.h"

namespace mgit::testing {

class LineageSandbox : public WorkspaceSandbox {
 public:
  std::filesystem::path database() const { return path() / ".git" / "mgit" / "lineage.db"; }

  void remove_database() const {
    for (const char* suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(database().string() + suffix);
  }

  /// Writes the manifest of a small network as `file`: gaussian weights of `seed` plus a tenth of
  /// those of `drift` (0: none). Its tensors go to the store.
  Manifest model(std::uint64_t seed, std::uint64_t drift = 0,
                 const std::string& file = "model.safetensors") const {
    const Workspace repository = open();
    const auto batch = repository.store().begin();
    Manifest manifest = manifest_of("", "layout");
    manifest.size = 20'000;
    manifest.tensors.clear();
    batch->put(as_bytes("layout"), 1);
    for (const auto& [name, shape] : {std::pair<std::string, Shape>{"fc1.bias", {40}},
                                      {"fc1.weight", {40, 60}},
                                      {"fc2.weight", {10, 40}}}) {
      const TensorInfo info{name, DType::kF32, shape};
      Buffer values = random_floats(*element_count(shape), seed * 100 + shape[0]);
      if (drift != 0) add(values, random_floats(*element_count(shape), drift * 1000 + shape[0]));
      manifest.tensors.push_back({info, batch->put(values, 4)});
    }
    batch->commit();
    write(file, manifest_text(manifest));
    return manifest;
  }

  Oid commit_model(const std::string& message, std::uint64_t seed, std::uint64_t drift = 0) const {
    model(seed, drift);
    return commit(message);
  }

  /// Every row of every table that is a function of git, sorted.
  std::string content() const {
    std::string text;
    for (const char* table : {"tips", "commits", "parents", "checkpoints", "manifests", "tensors",
                              "trailers", "rebases", "specs", "merges", "evaluations"})
      text += std::string("-- ") + table + "\n" + rows(table);
    return text;
  }

  std::string rows(const std::string& table) const {
    sqlite3* handle = nullptr;
    EXPECT_EQ(sqlite3_open(database().c_str(), &handle), SQLITE_OK);
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(handle, ("SELECT * FROM " + table).c_str(), -1, &statement, nullptr);
    std::vector<std::string> lines;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      lines.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i)
        lines.back() += value(statement, i) + "|";
    }
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }

 private:
  static void add(Buffer& values, const Buffer& noise) {
    auto* out = reinterpret_cast<float*>(values.data());
    const auto* in = reinterpret_cast<const float*>(noise.data());
    for (std::size_t i = 0; i < values.size() / sizeof(float); ++i) out[i] += 0.1F * in[i];
  }

  static std::string value(sqlite3_stmt* statement, int column) {
    if (sqlite3_column_type(statement, column) == SQLITE_BLOB) {
      std::string hex;
      const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, column));
      for (int i = 0; i < sqlite3_column_bytes(statement, column); ++i)
        hex += fmt::format("{:02x}", bytes[i]);
      return hex;
    }
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    return text != nullptr ? text : "NULL";
  }
};

}  // namespace mgit::testing
