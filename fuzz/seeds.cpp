// Writes the first inputs of every target with mgit's own writers: fuzz_seeds fuzz/corpus
//
// A corpus is small and readable; what a long run finds beyond it stays in build-fuzz.
#include <fmt/format.h>

#include <bit>
#include <cstdio>
#include <fstream>

#include "base/process.h"
#include "coding/checksum.h"
#include "coding/context_coder.h"
#include "coding/difference.h"
#include "coding/frames.h"
#include "coding/low_rank.h"
#include "coding/view.h"
#include "eval/safetensors_writer.h"
#include "filter_stream.h"
#include "format/torch.h"
#include "fuzz.h"
#include "lineage/records.h"
#include "mgit/lineage.h"
#include "mgit/perm.h"
#include "mgit/store.h"
#include "remote/messages.h"
#include "remote/serve.h"
#include "store/record.h"

namespace fs = std::filesystem;

namespace mgit::fuzz {
namespace {

std::string text_of(const Buffer& bytes) { return std::string(as_text(bytes)); }

std::string file_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Corpus {
 public:
  explicit Corpus(fs::path directory) : directory_(std::move(directory)) {}

  void add(const std::string& target, const std::string& name, std::string_view content) const {
    fs::create_directories(directory_ / target);
    std::ofstream(directory_ / target / name, std::ios::binary) << content;
  }

 private:
  fs::path directory_;
};

Buffer numbers(std::size_t count) {
  Buffer bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(i * i / 3));
  return bytes;
}

MemoryModel small_model() {
  MemoryModel model;
  model.set({"fc1.weight", DType::kF32, {4, 3}}, numbers(48));
  model.set({"fc1.bias", DType::kF16, {4}}, numbers(8));
  model.set({"step", DType::kI64, {}}, numbers(8));
  model.set({"empty", DType::kF32, {0, 3}}, {});
  model.set({"\xc3\xa9 \"\n", DType::kBF16, {2}}, numbers(4));
  return model;
}

std::string safetensors_file(const MemoryModel& model) { return text_of(safetensors_bytes(model)); }

Manifest add_to(Store& store, std::string_view file) {
  const auto batch = store.begin();
  Manifest manifest = add_checkpoint(*batch, as_bytes(file), "model");
  batch->commit();
  return manifest;
}

void add_formats(const Corpus& corpus) {
  const std::string file = safetensors_file(small_model());
  const std::string empty = safetensors_file(MemoryModel());
  const std::string spaced = std::string("\x10\0\0\0\0\0\0\0", 8) + "{ }             ";
  for (const auto& [name, content] :
       {std::pair{"model", file}, {"no-tensors", empty}, {"spaced", spaced}}) {
    corpus.add("safetensors", name, content);
    corpus.add("checkpoint", name, '\0' + content);
    corpus.add("roundtrip", name, content);
    corpus.add("filter", name, '\1' + content);
  }
  corpus.add("roundtrip", "no-checkpoint", "just text\n");
  const Scratch scratch;
  Store store(scratch.path());
  for (const auto& [name, content] : {std::pair{"model", file}, {"whole", std::string("text\n")}}) {
    const Manifest manifest = add_to(store, content);
    corpus.add("manifest", name, manifest_text(manifest));
    corpus.add("layout", name, text_of(store.read(manifest.layout)));
    corpus.add("filter", std::string("manifest-") + name, '\1' + manifest_text(manifest));
  }
  for (const auto& entry : fs::directory_iterator(scratch.path() / "packs"))
    corpus.add("pack", "pack-" + std::to_string(fs::file_size(entry)), file_text(entry));
}

/// Files as other programs write them, from the unit tests.
void add_containers(const Corpus& corpus) {
  const fs::path data = "tests/data";
  for (const char* name :
       {"torch-1.13-views.pt", "torch-2.13-views.pt", "torch-2.13-training.pt"}) {
    const std::string file = file_text(data / name);
    const std::vector<ZipEntry> entries = read_zip(as_bytes(file));
    corpus.add("zip", name, file);
    corpus.add("torch", name, '\0' + file);
    for (const ZipEntry& entry : entries) {
      if (!entry.name.ends_with("/data.pkl")) continue;
      const std::string pickle = file.substr(entry.offset, entry.length);
      corpus.add("pickle", name, pickle);
      corpus.add("torch", std::string("pickle-of-") + name, '\1' + pickle);
    }
  }
  for (const char* name : {"torch-1.13-legacy.pt", "torch-2.13-legacy.pt"})
    corpus.add("torch_legacy", name, file_text(data / name));
  for (const auto& entry : fs::directory_iterator(data / "containers")) {
    const std::string name = entry.path().filename().string();
    const std::string target = entry.path().extension().string().substr(1);
    if (target == "py") continue;
    corpus.add(target, name, file_text(entry));
    if (target == "npz") corpus.add("zip", name, file_text(entry));
  }
  corpus.add("shard_index", "two-shards",
             R"({"metadata": {"total_size": 6}, "weight_map": {"b": "1.safetensors", )"
             R"("\u00e9": "sub/2.safetensors"}})");
  corpus.add("shard_index", "outside", R"({"weight_map": {"b": "../1.safetensors"}})");
  corpus.add("shard_index", "twice", R"({"weight_map": {"b": "1.bin", "b": "2.bin"}})");
}

Buffer coded(Bytes data, unsigned element) {
  const FrameCoder coder(data, element);
  return coder.encode_all();
}

/// A delta's only frame, its symbols given contexts.
Buffer delta_payload(Bytes base, Bytes data, unsigned word) {
  Buffer contexts(data.size() / word);
  Buffer symbols(contexts.size());
  Buffer rest;
  Buffer code;
  take_contexts(base, word, contexts);
  take_difference(data, base, word, symbols, rest);
  encode_given(contexts, symbols, code);
  Buffer payload{static_cast<std::byte>(PlaneTag::kGiven)};
  wire::put_u32(payload, static_cast<std::uint32_t>(code.size()));
  wire::put_bytes(payload, code);
  wire::put_bytes(payload, rest);
  wire::put_u32(payload, static_cast<std::uint32_t>(payload.size()));
  return payload;
}

View turned() { return {2, {4, 3}, {{1, 2, 3, 0}, {}}}; }

std::string u16(std::size_t value) {
  return {static_cast<char>(value & 0xffU), static_cast<char>(value >> 8U & 0xffU)};
}

void add_codings(const Corpus& corpus) {
  const Buffer data = numbers(512);
  for (const unsigned element : {1U, 2U, 4U, 8U}) {
    const std::string name = std::to_string(element);
    const std::string head{static_cast<char>(element - 1)};
    corpus.add("frames", "frames-" + name,
               '\0' + head + u16(data.size()) + text_of(coded(data, element)));
    corpus.add("frames", "data-" + name, '\2' + head + u16(0) + text_of(data));
  }
  const Buffer view = encode_view(turned());
  corpus.add("frames", "view", '\1' + std::string(1, '\1') + u16(24) + text_of(view));

  const auto record = [](Encoding encoding, unsigned element, unsigned base, std::size_t size,
                         const std::string& payload) {
    return std::string{static_cast<char>(encoding), static_cast<char>(element),
                       static_cast<char>(base)} +
           u16(size) + u16(payload.size()) + payload;
  };
  const std::string raw = record(Encoding::kRaw, 1, 0, 24, text_of(numbers(24)));
  corpus.add("records", "raw", raw);
  corpus.add("records", "view", raw + record(Encoding::kView, 2, 0, 24, text_of(view)));
  corpus.add("records", "views",
             raw + record(Encoding::kView, 2, 0, 24, text_of(view)) +
                 record(Encoding::kView, 2, 1, 24, text_of(view)));
  for (const unsigned word : {1U, 2U, 4U, 8U})
    corpus.add("records", "delta-" + std::to_string(word),
               raw + record(Encoding::kDelta, word, 0, 24,
                            text_of(delta_payload(numbers(24), Buffer(24), word))));
  const LowRank move{DType::kBF16, 4, 2, -12, {1, 2, 3, -4, 5, 6}, {7, -8, 9, 1, 2, 3, 4, 5}};
  Buffer moved;
  put_low_rank(move, moved);
  wire::put_bytes(moved, delta_payload(numbers(24), Buffer(24), 2));
  corpus.add("records", "low-rank", raw + record(Encoding::kLowRank, 2, 0, 24, text_of(moved)));
  Buffer code;
  const Buffer symbols = numbers(200);
  Buffer contexts;
  for (std::size_t i = 0; i < symbols.size(); ++i)
    contexts.push_back(static_cast<std::byte>(i % 3));
  encode_given(contexts, symbols, code);
  corpus.add("frames", "given", '\3' + std::string(1, '\2') + u16(symbols.size()) + text_of(code));
  for (const unsigned word : {1U, 2U, 4U, 8U}) {
    const std::string head{static_cast<char>(std::countr_zero(word))};
    const std::string base = u16(512) + text_of(numbers(512));
    Buffer all;
    for (int i = 0; i < 16; ++i) all.insert(all.end(), data.begin(), data.end());
    corpus.add("delta", "object-" + std::to_string(word), '\1' + head + base + "a few changes");
    corpus.add("delta", "given-" + std::to_string(word),
               '\0' + head + base + text_of(delta_payload(all, Buffer(all.size()), word)));
  }
  corpus.add("records", "frames",
             record(Encoding::kZstd, 4, 0, data.size(), text_of(coded(data, 4))));
}

void add_specs(const Corpus& corpus) {
  const std::string mlp =
      "fc1.bias 4\nfc1.weight 4 3\nfc2.bias 4\nfc2.weight 4 4\nfc3.bias 2\nfc3.weight 2 4\n%%\n";
  const std::string net =
      "a.0.bias 6\na.0.weight 6 3 1 1\na.1.num_batches_tracked\na.1.running_mean 6\n"
      "a.1.running_var 6\na.1.weight 6\na.3.bias 6\na.3.weight 6 6 1 1\nb.weight 2 24\nstep\n%%\n";
  corpus.add("spec", "mlp",
             mlp +
                 "mgit-perm 1\narch mynet\nperm H1\nperm H2:4\nfc1.weight: H1, _\nfc1.bias: H1\n"
                 "fc2.weight: H2, H1\nfc2.bias: H2\nfc3.weight: _, H2\nfc3.bias: _\n");
  corpus.add("spec", "index",
             net +
                 "mgit-perm 1\nindex c in a.{c}.weight rank 4\nperm C{c}\n"
                 "a.{c}.weight: C{c}, C{c.prev}, _, _\na.{c}.bias: C{c}\n"
                 "a.{n}.weight: C{c<n}\na.{n}.{running_mean,running_var}: C{c<n} !nomatch\n"
                 "b.weight: _, C{c.last}*_:4\nskip *.num_batches_tracked\nskip step\n");
  corpus.add("spec", "sums",
             "lstm.w 16 4\nout 2 8\nup 4 8\n%%\nmgit-perm 1\nlet n = 4\nperm P:n\nperm Q\n"
             "lstm.w: 4xP, _\nup: Q, P+_:4\nout: _, (Q*_:2)\n");
  corpus.add("spec", "same",
             "l.0.w 3 2\nl.1.w 3 3\nout 2 3\n%%\nmgit-perm 1\nindex l in l.{l}.w\nperm S{l}\n"
             "same S{l} = S{l.prev} unless l.{l}.d\nl.0.w: S0, _\nl.{l}.w: S{l}, S{l.prev}\n"
             "\"out\": _, S{l.last}\n");
  for (const auto& entry : fs::directory_iterator("specs"))
    corpus.add("spec", "family-" + entry.path().stem().string(), mlp + file_text(entry));
  const Digest spec = sha256(as_bytes("spec"));
  corpus.add(
      "permutation", "two-models",
      permutation_text({{"model.safetensors", spec, {{"H1", 4}, {"H2", 2}}, {{{2, 0, 3, 1}, {}}}},
                        {"a \"b\".safetensors", spec, {{"H", 3}}, {{{1, 2, 0}}}}}));
  corpus.add("permutation", "none", permutation_text({}));
}

void add_git(const Corpus& corpus) {
  const auto listing = [](std::initializer_list<std::pair<const char*, const char*>> entries) {
    std::string text;
    for (const auto& [key, value] : entries) text += std::string(key) + '\n' + value + '\0';
    return text;
  };
  corpus.add("config", "models",
             listing({{"model.net.path", "model.safetensors"},
                      {"model.net.spec", "specs/net.perm"},
                      {"model.my.net.path", "sub/dir/other.safetensors"},
                      {"model.net.loss", "mse"},
                      {"eval.command", "python eval.py {checkpoint}"}}));
  corpus.add("config", "outside", listing({{"model.net.path", "../model.safetensors"}}));
  corpus.add("config", "no-value", std::string("model.net.path\0model.net.data\nx\0", 32));
  corpus.add("trailers", "operation",
             "Train\n\nBody text.\n\nMgit-Rebase: onto " + std::string(40, 'a') +
                 " method weights seed 0\nMgit-Permutation: " + std::string(64, 'b') +
                 "\nMgit-Spec: " + std::string(64, 'c') +
                 " proof numeric\nMgit-Origin: " + std::string(40, 'd') + "\n");
  corpus.add("trailers", "merge",
             "Merge branch 'b'\n\nMgit-Merge: mean weights 0.5 0.5 model a b.safetensors\n"
             "Mgit-Base: none model a b.safetensors\nSigned-off-by: A <a@b>\n continued\n");
  corpus.add("trailers", "trained",
             "Train\n\nMgit-Trained: samples 20000 model a b.safetensors\n"
             "Mgit-Trained: tokens 0\n");
  corpus.add("trailers", "comments", "Subject\n\n# a comment\nKey: value\n# more\n\n# end\n");
  EvaluationRecord record;
  record.result.loss = 0.125;
  corpus.add("trailers", "evaluation", evaluation_line(record) + "\n");
}

void add_hosts(const Corpus& corpus) {
  const std::string one(64, 'a');
  const std::string two(64, 'b');
  corpus.add("hosts", "index",
             "mgit pack-index 1\npack x.pack 500\n" + one + " 12 150\n" + two + " 162 120 " + one +
                 "\npack " + two + " 12\n");
  corpus.add(
      "hosts", "lfs",
      R"({"objects":[{"oid":"a","size":5,"actions":{"upload":{"href":"https://h/x",)"
      R"("header":{"Authorization":"t"}}}},{"oid":"b","error":{"code":404,"message":"m"}}]})");
  corpus.add("hosts", "s3",
             "<ListBucketResult><Contents><Key>a&amp;b</Key><Size>12</Size></Contents>"
             "<NextContinuationToken>c</NextContinuationToken></ListBucketResult>");
  corpus.add("hosts", "netrc",
             "machine host login me password \"a \\\"b\"\ndefault login x password y\n");
  corpus.add("hosts", "aws", "[profile lab]\naws_access_key_id = a\ns3 =\n  x = y\n");
  corpus.add("hosts", "url", "https://me:p%40@[::1]:443/a%20b?x=1#y");
}

/// The databases of a store with one object, and of a repository without commits.
void add_databases(const Corpus& corpus) {
  const Scratch scratch;
  const std::string path = scratch.path().string();
  run_checked({"git", "init", "-q", path});
  {
    const Workspace repository = Workspace::discover(scratch.path());
    const auto batch = repository.store().begin();
    batch->put(Buffer(100, std::byte{'x'}), 1, {});
    batch->commit();
    Lineage(repository).update();
  }
  corpus.add("databases", "objects", '\0' + file_text(scratch.path() / ".git/mgit/objects.db"));
  corpus.add("databases", "lineage", '\1' + file_text(scratch.path() / ".git/mgit/lineage.db"));
}

/// The stream of git's filter protocol for one file.
void add_stream(const Corpus& corpus) {
  const Scratch scratch;
  const fs::path path = scratch.path() / "stream";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  require(file != nullptr, "a file to write to");
  PacketWriter writer(::fileno(file));
  greet(writer);
  for (const char* command : {"clean", "smudge", "nothing"})
    ask(writer, command, "a.safetensors", safetensors_file(small_model()));
  std::fclose(file);
  corpus.add("filter", "stream", '\0' + file_text(path));
}

/// Both sides of what fuzz_serve asks, as mgit serve would have answered.
void add_conversation(const Corpus& corpus) {
  const Scratch scratch;
  Store store(scratch.path());
  const auto batch = store.begin();
  const std::vector<Digest> objects{batch->put(as_bytes("one"), 1), batch->put(as_bytes("two"), 1)};
  batch->commit();
  std::string questions;
  FrameChannel near({[](std::span<std::byte>) { return std::size_t{0}; },
                     [&](Bytes bytes) {
                       questions += as_text(bytes);
                       return true;
                     }});
  for (const FrameType type :
       {FrameType::kKeep, FrameType::kLacking, FrameType::kRecordsOf, FrameType::kGet}) {
    send_objects(near, objects);
    near.send(type);
  }
  near.send(FrameType::kSend);
  RecordSink sink(near);
  store.export_records(objects, [&](Bytes piece) { sink.write(piece); });
  sink.finish();
  std::string answers;
  FrameChannel far({[rest = std::string_view(questions)](std::span<std::byte> out) mutable {
                      const std::size_t count =
                          rest.copy(reinterpret_cast<char*>(out.data()), out.size());
                      rest.remove_prefix(count);
                      return count;
                    },
                    [&](Bytes bytes) {
                      answers += as_text(bytes);
                      return true;
                    }});
  serve(far, [&] { return std::make_unique<Store>(scratch.path()); });
  corpus.add("serve", "questions", '\0' + questions);
  corpus.add("serve", "answers", '\1' + answers.substr(kGreeting.size()));
}

}  // namespace
}  // namespace mgit::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds CORPUS, in the root of the source tree\n");
    return 2;
  }
  const mgit::fuzz::Corpus corpus(argv[1]);
  mgit::fuzz::add_formats(corpus);
  mgit::fuzz::add_containers(corpus);
  mgit::fuzz::add_codings(corpus);
  mgit::fuzz::add_hosts(corpus);
  mgit::fuzz::add_databases(corpus);
  mgit::fuzz::add_specs(corpus);
  mgit::fuzz::add_git(corpus);
  mgit::fuzz::add_stream(corpus);
  mgit::fuzz::add_conversation(corpus);
  return 0;
}
