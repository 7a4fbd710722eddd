#include "model/graph_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>

#include "base/mapped_file.h"
#include "format/shard_index.h"
#include "format/zip.h"
#include "git/model_config.h"
#include "mgit/format.h"
#include "mgit/spec_relation.h"
#include "mgit/store.h"
#include "model/derived_specs.h"
#include "model/spec_source.h"
#include "model/training_state.h"

namespace mgit {
namespace {

constexpr std::string_view kSuffix = ".pt2";  // a TorchScript archive has any other
constexpr std::string_view kOnnxSuffix = ".onnx";
constexpr std::byte kOnnxStart{8};  // the field that a model begins with, its version
constexpr std::string_view kManifest = "mgit checkpoint 1\n";
constexpr std::size_t kShown = 3;

/// A graph's file, as a commit has it, in git or in the store, or as it lies on disk.
class GraphBytes {
 public:
  GraphBytes(const SpecQuery& query, const std::string& path) : path_(path) {
    if (query.repository != nullptr && query.commit) {
      repository_ = query.repository;
      const auto found = repository_->file_at(*query.commit, path);
      if (!found)
        throw MissingError("no such graph in " + query.commit->brief(), path,
                           "commit the file that .mgitconfig names");
      blob_ = found->blob;
    } else {
      mapped_ = std::make_unique<MappedFile>(query.repository == nullptr
                                                 ? std::filesystem::path(path)
                                                 : query.repository->work_dir() / path);
    }
  }

  /// nullopt: on disk.
  const std::optional<Oid>& blob() const { return blob_; }

  /// Read when they are asked for.
  Bytes bytes() {
    if (mapped_) return mapped_->bytes();
    if (content_.empty()) read();
    return as_bytes(content_);
  }

 private:
  void read() {
    content_ = repository_->blob(*blob_);
    if (!content_.starts_with(kManifest)) return;
    const Manifest manifest = parse_manifest(std::exchange(content_, {}), path_);
    write_checkpoint(repository_->store(), manifest,
                     [&](Bytes piece) { content_ += as_text(piece); });
  }

  std::string path_;
  const Workspace* repository_ = nullptr;
  std::optional<Oid> blob_;
  std::string content_;
  std::unique_ptr<MappedFile> mapped_;
};

/// Takes "model." from the names of all tensors, as a module around the network gave it to them.
bool unwrap(Graph& graph) {
  if (graph.parameters.empty()) return false;
  const std::string first = graph.parameters.front().tensor;
  const std::string wrapper = first.substr(0, first.find('.') + 1);
  const bool common = std::all_of(
      graph.parameters.begin(), graph.parameters.end(), [&](const GraphParameter& parameter) {
        return parameter.tensor.starts_with(wrapper) && parameter.tensor.size() > wrapper.size();
      });
  if (wrapper.empty() || !common) return false;
  for (GraphParameter& parameter : graph.parameters) parameter.tensor.erase(0, wrapper.size());
  return true;
}

std::vector<std::string> names_of(const std::vector<TensorInfo>& tensors) {
  std::vector<std::string> names;
  for (const TensorInfo& tensor : tensors) names.push_back(tensor.name);
  return names;
}

ModelDerivation derive_named(const Graph& graph, const std::vector<TensorInfo>& tensors,
                             const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    const std::vector<TensorInfo> weights = weights_under(tensors, prefix);
    try {
      ModelDerivation found{derive_spec(graph, weights), graph, {}, prefix};
      found.spec = bind_spec(found.derivation.spec_text, graph.source, weights);
      found.spec.proof = Proof::kAlgebraic;
      return found;
    } catch (const Error&) {
      if (prefix == prefixes.back()) throw;
    }
  }
  throw Error("holds no weights", graph.source);
}

/// The graph may be that of a module around the network: then its names have more in front.
ModelDerivation derive_weights(Graph graph, const std::vector<TensorInfo>& tensors,
                               const std::vector<std::string>& prefixes) {
  std::exception_ptr first;
  do {
    try {
      return derive_named(graph, tensors, prefixes);
    } catch (const Error&) {
      if (!first) first = std::current_exception();
    }
  } while (unwrap(graph));
  std::rethrow_exception(first);
}

/// The file whose graph the spec is derived from: an archive of torch.export that .mgitconfig
/// names, or the model, if it is ONNX and no other graph is named. Empty: there is none.
std::string exported_graph(const SpecQuery& query) {
  const std::string path = query.setting("graph");
  if (path.empty() && query.path.ends_with(kOnnxSuffix)) return query.path;
  if (path.ends_with(kOnnxSuffix)) return same_model_path(path, query.path) ? path : std::string();
  return path.ends_with(kSuffix) ? path : std::string();
}

/// What a graph allows of a model, or why it says nothing.
struct Allowed {
  std::optional<Spec> spec;
  std::string prefix;
  std::string pins;    // in words, why nothing more can move
  std::string reason;  // without a spec; empty: there is no graph
};

/// As it was found before. Bound again, it proves itself to fit.
std::optional<Allowed> known_before(const SpecQuery& query, const std::string& path,
                                    const DerivedSpecs& before) {
  const auto found = before.find();
  if (!found) return std::nullopt;
  try {
    Allowed allowed{bind_spec(found->text, path, weights_under(query.tensors, found->prefix)),
                    found->prefix,
                    found->pins,
                    {}};
    allowed.spec->proof = Proof::kAlgebraic;
    return allowed;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// What the graph in a file allows; `read` makes a graph of its bytes.
template <typename Read>
Allowed derive_file(const SpecQuery& query, const std::string& path, GraphBytes& file,
                    const std::vector<std::string>& prefixes, const Read& read) {
  std::optional<DerivedSpecs> before;
  if (file.blob()) {
    before.emplace(query, *file.blob(), prefixes);
    if (auto allowed = known_before(query, path, *before)) return *std::move(allowed);
  }
  ModelDerivation derived = derive_weights(read(file.bytes()), query.tensors, prefixes);
  Allowed allowed{
      std::move(derived.spec), std::move(derived.prefix), describe_pins(derived.derivation), {}};
  if (before) before->keep({derived.derivation.spec_text, allowed.prefix, allowed.pins});
  return allowed;
}

Allowed derive_exported(const SpecQuery& query, const std::string& path,
                        const std::vector<std::string>& prefixes) {
  GraphBytes file(query, path);
  return derive_file(query, path, file, prefixes, [&](Bytes bytes) {
    if (path.ends_with(kSuffix)) return read_pt2(bytes, path);
    return own_initializers(read_onnx(bytes, path, parse_inputs(query.setting("input"))));
  });
}

/// By an ONNX model that nobody named as a graph.
Allowed derive_unasked(const SpecQuery& query, const std::string& path,
                       const std::vector<std::string>& prefixes) {
  try {
    return derive_exported(query, path, prefixes);
  } catch (const Error& error) {
    return {std::nullopt, {}, {}, fmt::format("{}: {}", path, error.what())};
  }
}

/// An archive may be there for evaluation alone, so that none, and one that cannot be read, is no
/// Error.
Allowed derive_by_script(const SpecQuery& query, const std::vector<std::string>& prefixes) {
  const std::string path = query.setting("graph");
  if (query.repository == nullptr || path.empty() || path.ends_with(kSuffix) ||
      path.ends_with(kOnnxSuffix))
    return {};
  bool script = false;
  try {
    GraphBytes file(query, path);
    return derive_file(query, path, file, prefixes, [&](Bytes bytes) {
      script = is_torchscript(bytes);
      if (!script) throw Error("no archive of TorchScript");
      return read_torchscript(bytes, path, names_of(query.tensors),
                              parse_inputs(query.setting("input")));
    });
  } catch (const Error& error) {
    if (!script) return {};  // it is not in this commit, or something else
    return {std::nullopt, {}, {}, fmt::format("{}: {}", path, error.what())};
  }
}

/// "=16000".
std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  if (!text.starts_with('=')) return std::nullopt;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + 1, end, number);
  return read.ec == std::errc() && read.ptr == end ? std::optional(number) : std::nullopt;
}

}  // namespace

std::vector<GraphInput> parse_inputs(const std::string& text) {
  std::vector<GraphInput> inputs;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    if (const auto number = number_in(one)) {
      inputs.push_back({DType::kI64, {}, number});
      continue;
    }
    const std::size_t colon = one.find(':');
    const auto dtype = colon == std::string_view::npos ? std::optional(DType::kF32)
                                                       : dtype_from_name(one.substr(0, colon));
    GraphInput input;
    bool good = dtype.has_value();
    if (good) input.dtype = *dtype;
    std::string_view lengths = colon == std::string_view::npos ? one : one.substr(colon + 1);
    while (good && !lengths.empty()) {
      const std::size_t end = std::min(lengths.find('x'), lengths.size());
      std::uint64_t length = 0;
      const auto read = std::from_chars(lengths.data(), lengths.data() + end, length);
      good = read.ec == std::errc() && read.ptr == lengths.data() + end;
      input.shape.push_back(length);
      lengths.remove_prefix(std::min(end + 1, lengths.size()));
    }
    if (!good || !byte_size(DType::kC128, input.shape))
      throw Error("not the shape of an input", std::string(one),
                  "write 1x3x32x32, I64:1x16 for integers, or =5 for a number; ',' between "
                  "several");
    inputs.push_back(std::move(input));
  }
  return inputs;
}

bool is_graph(Bytes file) {
  return looks_like_zip(file) || (!file.empty() && file.front() == kOnnxStart);
}

GraphFile::GraphFile(Bytes file, const std::string& path, std::vector<GraphInput> inputs)
    : inputs_(std::move(inputs)) {
  if (!file.empty() && file.front() == kOnnxStart) {
    graph_ = read_onnx(file, path, inputs_);
    initializers_ = onnx_initializers(file, path);
  } else if (is_torchscript(file)) {
    script_ = file;
    path_ = path;
  } else {
    graph_ = read_pt2(file, path);
  }
}

Graph GraphFile::of(const TensorSource& weights) const {
  if (!script_.empty())
    return read_torchscript(script_, path_, names_of(weights.tensors()), inputs_);
  return initializers_ ? bind_initializers(graph_, *initializers_, weights) : graph_;
}

ModelDerivation derive_model(const GraphFile& file, const Workspace* repository,
                             const std::optional<Oid>& commit, const std::string& path,
                             const TensorSource& model) {
  const std::vector<TensorInfo>& tensors = model.tensors();
  const std::vector<std::string> prefixes = SpecQuery{repository, commit, path, tensors}.prefixes();
  if (!file.needs_weights()) return derive_weights(file.of(model), tensors, prefixes);
  for (const std::string& prefix : prefixes) {
    try {
      return derive_weights(file.of(WeightsModel(model, prefix)), tensors, {prefix});
    } catch (const Error&) {
      if (prefix == prefixes.back()) throw;
    }
  }
  throw Error("holds no weights", path);
}

std::string describe_pins(const Derivation& derivation) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, derivation.pins.size()); ++i) {
    const Pin& pin = derivation.pins[i];
    text += text.empty() ? "" : "; ";
    text += pin.tensors.front();
    if (pin.tensors.size() > 1) text += fmt::format(" and {} more", pin.tensors.size() - 1);
    text += ": " + pin.reason;
    if (!pin.op.empty()) text += fmt::format(" ({} in {})", pin.op, pin.where);
  }
  if (derivation.pins.size() > kShown)
    text += fmt::format("; and {} more reasons", derivation.pins.size() - kShown);
  return text.empty() ? "no two tensors share a hidden unit" : text;
}

void prove_by_graph(const SpecQuery& query, FoundSpec& found) {
  const std::string path = exported_graph(query);
  const std::string prefix = found.prefix.value_or("");
  if (path.empty() || query.setting("graph").empty()) {
    const Allowed allowed =
        path.empty() ? derive_by_script(query, {prefix}) : derive_unasked(query, path, {prefix});
    if (allowed.spec && !beyond(*allowed.spec, found.spec)) found.spec.proof = Proof::kAlgebraic;
    return;
  }
  const Allowed allowed = derive_exported(query, path, {prefix});
  if (const auto reason = beyond(*allowed.spec, found.spec))
    throw Error(fmt::format("{}: {}, as {} says", query.setting("spec"), *reason, path), query.path,
                fmt::format("'mgit spec derive {} {}' shows what the graph allows; if it is of "
                            "another network, take it out of .mgitconfig",
                            path, query.path));
  found.spec.proof = Proof::kAlgebraic;
}

/// One that allows nothing is an Error: a model that was to be rebased would stay as it is without
/// a word.
SpecAnswer spec_of_graph(const SpecQuery& query) {
  const std::string path = exported_graph(query);
  const std::string named = query.setting("graph");
  if (path.empty()) {
    if (!named.ends_with(kOnnxSuffix)) return {};
    throw Error("an ONNX model tells weights by their contents, which change", named,
                fmt::format("derive a spec of it once, 'mgit spec derive {} {} -o net.perm', "
                            "and name that in .mgitconfig",
                            named, query.path));
  }
  Allowed allowed = named.empty() ? derive_unasked(query, path, query.prefixes())
                                  : derive_exported(query, path, query.prefixes());
  if (!allowed.spec) return {std::nullopt, std::move(allowed.reason)};
  if (allowed.spec->groups.empty())
    throw Error("nothing in this network can be reordered; " + allowed.pins, path,
                fmt::format("'mgit spec derive {} {}' shows every reason", path, query.path));
  return {FoundSpec{*std::move(allowed.spec), std::move(allowed.prefix)}};
}

SpecAnswer spec_of_script(const SpecQuery& query) {
  Allowed allowed = derive_by_script(query, query.prefixes());
  if (!allowed.spec) return {std::nullopt, std::move(allowed.reason)};
  if (allowed.spec->groups.empty())
    return {std::nullopt,
            fmt::format("{} allows nothing: {}", query.setting("graph"), allowed.pins)};
  return {FoundSpec{*std::move(allowed.spec), std::move(allowed.prefix)}};
}

}  // namespace mgit
