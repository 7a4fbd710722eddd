#include "eval/plugin.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <exception>

#include "base/process.h"
#include "base/threads.h"

namespace mgit {
namespace {

constexpr const char* kFileName = "libmgit_torch.so";
constexpr const char* kHint = "install libtorch and build with -DMGIT_TORCH=ON";

std::filesystem::path find_plugin() {
  if (const char* configured = std::getenv("MGIT_TORCH_PLUGIN")) return configured;
  const std::filesystem::path directory = std::filesystem::path(own_path()).parent_path();
  for (const std::filesystem::path& place : {directory, directory.parent_path() / "lib"})
    if (std::filesystem::exists(place / kFileName)) return place / kFileName;
  throw Error("running networks needs the LibTorch plugin, which is not installed", kFileName,
              kHint);
}

const MgitTorchApi& load_plugin() {
  const std::filesystem::path path = find_plugin();
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Error(::dlerror(), kFileName, kHint);
  void* const symbol = ::dlsym(library, "mgit_torch_api");
  const MgitTorchApi* const api =
      symbol != nullptr ? reinterpret_cast<MgitTorchApiFunction>(symbol)() : nullptr;
  if (api == nullptr || api->abi != kMgitTorchAbi)
    throw Error("was built for another version of mgit", path.string(),
                "build both from one source");
  if (std::getenv("MGIT_THREADS") != nullptr) api->set_threads(static_cast<int>(thread_count()));
  return *api;
}

}  // namespace

const MgitTorchApi& torch_plugin() {
  static const MgitTorchApi& api = load_plugin();
  return api;
}

MgitTorchTensor borrowed(const char* name, const TensorView& view) {
  // dtype names are literals, so their text ends where C expects it.
  return {name,
          dtype_name(view.dtype).data(),
          view.shape.data(),
          view.shape.size(),
          view.data.data(),
          view.data.size()};
}

TorchNetwork::TorchNetwork(MgitTorchNetwork* network, std::string where)
    : network_(network, torch_plugin().close), where_(std::move(where)) {}

TorchNetwork TorchNetwork::open(const std::filesystem::path& graph) {
  if (!std::filesystem::is_regular_file(graph))
    throw MissingError("there is no such network", graph.string());
  MgitTorchError error{};
  MgitTorchNetwork* const network = torch_plugin().open(graph.c_str(), &error);
  if (network == nullptr)
    throw Error(std::string("not a TorchScript network: ") + error.text, graph.string(),
                "save it with torch.jit.trace(net, example).save(path)");
  return {network, graph.string()};
}

TorchNetwork TorchNetwork::train(const MgitTorchTraining& training, const TensorView& input,
                                 const TensorView& target) {
  MgitTorchError error{};
  const MgitTorchTensor inputs = borrowed("input", input);
  const MgitTorchTensor targets = borrowed("target", target);
  MgitTorchNetwork* const network = torch_plugin().train(&training, &inputs, &targets, &error);
  if (network == nullptr) throw Error(error.text, "training");
  return {network, "the trained network"};
}

void TorchNetwork::save(const std::filesystem::path& path) const {
  MgitTorchError error{};
  if (torch_plugin().save(network_.get(), path.c_str(), &error) == 0)
    throw Error(error.text, path.string());
}

MemoryModel TorchNetwork::weights() const {
  MemoryModel model;
  const std::vector<MgitTorchSlot> all = slots();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::optional<DType> dtype = dtype_from_name(all[i].dtype);
    if (!dtype) throw Error("has a dtype that safetensors cannot hold", all[i].name);
    Buffer data(all[i].bytes);
    MgitTorchError error{};
    if (torch_plugin().read_slot(network_.get(), i, data.data(), &error) == 0)
      throw Error(error.text, all[i].name);
    model.set({all[i].name, *dtype, Shape(all[i].shape, all[i].shape + all[i].rank)},
              std::move(data));
  }
  return model;
}

std::vector<MgitTorchSlot> TorchNetwork::slots() const {
  std::vector<MgitTorchSlot> result(torch_plugin().slot_count(network_.get()));
  for (std::size_t i = 0; i < result.size(); ++i)
    torch_plugin().slot(network_.get(), i, &result[i]);
  return result;
}

void TorchNetwork::write_slot(std::size_t index, Bytes data) {
  MgitTorchError error{};
  if (torch_plugin().write_slot(network_.get(), index, data.data(), &error) == 0)
    throw Error(error.text, where_);
}

void TorchNetwork::set_data(const TensorView& input, const TensorView& target) {
  MgitTorchError error{};
  const MgitTorchTensor inputs = borrowed("input", input);
  const MgitTorchTensor targets = borrowed("target", target);
  if (torch_plugin().set_data(network_.get(), &inputs, &targets, &error) == 0)
    throw Error(error.text);
}

MgitTorchResult TorchNetwork::evaluate(const std::string& loss, std::uint64_t batch) {
  MgitTorchError error{};
  MgitTorchResult result{};
  if (torch_plugin().evaluate(network_.get(), loss.c_str(), batch, &result, &error) == 0)
    throw Error(error.text, where_);
  return result;
}

SampleScores room_for_scores(const std::string& loss, std::uint64_t samples, std::size_t scales) {
  SampleScores result{samples, std::vector<double>(samples * scales), {}};
  result.correct.resize(loss == "mse" ? 0 : samples);
  return result;
}

MgitTorchScoring scoring_into(SampleScores& scores, const std::vector<double>& scales) {
  return {scales.data(), scales.size(), scores.samples, scores.losses.data(),
          scores.correct.data()};
}

SampleScores TorchNetwork::scores(const std::string& loss, std::uint64_t batch,
                                  std::uint64_t samples, const std::vector<double>& scales) {
  MgitTorchError error{};
  SampleScores result = room_for_scores(loss, samples, scales.size());
  const MgitTorchScoring scoring = scoring_into(result, scales);
  if (torch_plugin().score(network_.get(), loss.c_str(), batch, &scoring, &error) == 0)
    throw Error(error.text, where_);
  return result;
}

void TorchNetwork::keep_outputs(std::uint64_t batch) {
  MgitTorchError error{};
  if (torch_plugin().keep_outputs(network_.get(), batch, &error) == 0)
    throw Error(error.text, where_);
}

namespace {

using TakeValues = std::function<void(std::size_t module, const TensorView& values)>;

/// What a C function is given to call; keeps what must not be thrown through it.
struct Taker {
  const TakeValues& take;
  std::exception_ptr thrown{};

  static int call(void* context, std::size_t module, const MgitTorchTensor* values) noexcept {
    Taker& taker = *static_cast<Taker*>(context);
    try {
      const auto* const data = static_cast<const std::byte*>(values->data);
      taker.take(module, {DType::kF32, Shape(values->shape, values->shape + values->rank),
                          Bytes(data, values->bytes)});
      return 1;
    } catch (...) {
      taker.thrown = std::current_exception();
      return 0;
    }
  }
};

}  // namespace

void TorchNetwork::activations(const std::vector<std::string>& names, const MgitTorchRange& range,
                               const TakeValues& take) {
  std::vector<const char*> texts;
  for (const std::string& name : names) texts.push_back(name.c_str());
  Taker taker{take};
  MgitTorchError error{};
  const int done = torch_plugin().activations(network_.get(), texts.data(), texts.size(), &range,
                                              Taker::call, &taker, &error);
  if (taker.thrown) std::rethrow_exception(taker.thrown);
  if (done == 0) throw Error(error.text, where_);
}

double TorchNetwork::largest_change(std::uint64_t batch) {
  MgitTorchError error{};
  double change = 0;
  if (torch_plugin().compare_outputs(network_.get(), batch, &change, &error) == 0)
    throw Error(error.text, where_);
  return change;
}

}  // namespace mgit
