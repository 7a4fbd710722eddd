// The boundary: LibTorch's exceptions end here, as one line of text.
#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <torch/csrc/api/include/torch/version.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "eval/torch/network.h"
#include "eval/torch/operators.h"

namespace mgit::torch_plugin {
namespace {

/// TorchScript reports a traceback; the last line says what went wrong.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const std::size_t start = text.rfind('\n');
  if (start != std::string::npos) text.erase(0, start + 1);
  for (const std::string_view prefix : {"RuntimeError: ", "Error: "})
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
  return text;
}

void report(MgitTorchError* error, const std::string& text) {
  std::strncpy(error->text, text.c_str(), sizeof(error->text) - 1);
  error->text[sizeof(error->text) - 1] = '\0';
}

/// Runs `work`; a failure becomes `failed` and one line in `error`.
template <typename Result, typename Work>
Result guarded(MgitTorchError* error, Result failed, const Work& work) noexcept {
  try {
    return work();
  } catch (const c10::Error& caught) {
    const std::string text = caught.what_without_backtrace();
    report(error, text.find("interpreter") == std::string::npos ? text.substr(0, text.find('\n'))
                                                                : last_line(text));
  } catch (const std::exception& caught) {
    report(error, last_line(caught.what()));
  } catch (...) {
    report(error, "unknown failure");
  }
  return failed;
}

void set_threads(int threads) {
  if (threads > 0) at::set_num_threads(threads);
}

MgitTorchNetwork* open(const char* path, MgitTorchError* error) {
  return guarded<MgitTorchNetwork*>(error, nullptr, [&] {
    return new MgitTorchNetwork(torch::jit::load(path, at::Device(at::kCPU)));
  });
}

void close(MgitTorchNetwork* network) { delete network; }

int save(MgitTorchNetwork* network, const char* path, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    network->module.save(path);
    return 1;
  });
}

std::size_t slot_count(const MgitTorchNetwork* network) { return network->slots.size(); }

void slot(const MgitTorchNetwork* network, std::size_t index, MgitTorchSlot* out) {
  const Slot& slot = network->slots[index];
  *out = {slot.name.c_str(),      slot.dtype.c_str(),   slot.shape.data(),        slot.shape.size(),
          slot.tensor.data_ptr(), slot.tensor.nbytes(), slot.is_parameter ? 1 : 0};
}

at::Tensor borrowed(void* data, const at::Tensor& like) {
  return at::from_blob(data, like.sizes(), like.options());
}

int write_slot(MgitTorchNetwork* network, std::size_t index, const void* data,
               MgitTorchError* error) {
  return guarded(error, 0, [&] {
    const at::NoGradGuard no_gradients;
    at::Tensor& tensor = network->slots[index].tensor;
    if (tensor.numel() > 0) tensor.copy_(borrowed(const_cast<void*>(data), tensor));
    return 1;
  });
}

int read_slot(const MgitTorchNetwork* network, std::size_t index, void* data,
              MgitTorchError* error) {
  return guarded(error, 0, [&] {
    const at::NoGradGuard no_gradients;
    const at::Tensor& tensor = network->slots[index].tensor;
    if (tensor.numel() > 0) borrowed(data, tensor).copy_(tensor);
    return 1;
  });
}

void check_pair(const at::Tensor& input, const at::Tensor& target) {
  if (input.dim() < 1 || target.dim() < 1 || input.size(0) != target.size(0) || input.size(0) == 0)
    throw std::runtime_error("input and target must have the same number of samples, at least one");
}

int set_data(MgitTorchNetwork* network, const MgitTorchTensor* input, const MgitTorchTensor* target,
             MgitTorchError* error) {
  return guarded(error, 0, [&] {
    at::Tensor new_input = import_data(*input);
    at::Tensor new_target = import_data(*target);
    check_pair(new_input, new_target);
    network->input = std::move(new_input);
    network->target = std::move(new_target);
    return 1;
  });
}

int evaluate_network(MgitTorchNetwork* network, const char* loss, std::uint64_t batch,
                     MgitTorchResult* result, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    if (!network->input.defined()) throw std::runtime_error("no data to evaluate on");
    *result = evaluate(*network, loss, static_cast<std::int64_t>(batch));
    return 1;
  });
}

int keep_outputs(MgitTorchNetwork* network, std::uint64_t batch, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    network->kept = outputs(*network, static_cast<std::int64_t>(batch));
    return 1;
  });
}

int compare_outputs(MgitTorchNetwork* network, std::uint64_t batch, double* largest_change,
                    MgitTorchError* error) {
  return guarded(error, 0, [&] {
    const std::vector<at::Tensor> now = outputs(*network, static_cast<std::int64_t>(batch));
    if (now.size() != network->kept.size()) throw std::runtime_error("no outputs to compare with");
    const c10::InferenceMode no_gradients;
    *largest_change = 0;
    for (std::size_t i = 0; i < now.size(); ++i)
      *largest_change = std::max(
          *largest_change, now[i].to(at::kDouble).sub(network->kept[i]).abs().max().item<double>());
    return 1;
  });
}

int network_activations(MgitTorchNetwork* network, const char* const* names, std::size_t count,
                        const MgitTorchRange* range, MgitTorchTake take, void* context,
                        MgitTorchError* error) {
  return guarded(error, 0, [&] {
    if (!network->input.defined()) throw std::runtime_error("no data to run the network on");
    const auto give = [&](std::size_t module, const at::Tensor& values) {
      const std::vector<std::uint64_t> shape(values.sizes().begin(), values.sizes().end());
      const MgitTorchTensor borrowed{names[module],     "F32",          shape.data(), shape.size(),
                                     values.data_ptr(), values.nbytes()};
      return take(context, module, &borrowed) != 0;
    };
    activations(*network, {names, names + count}, static_cast<std::int64_t>(range->begin),
                static_cast<std::int64_t>(range->end), static_cast<std::int64_t>(range->batch),
                give);
    return 1;
  });
}

MgitTorchNetwork* train_network(const MgitTorchTraining* training, const MgitTorchTensor* input,
                                const MgitTorchTensor* target, MgitTorchError* error) {
  return guarded<MgitTorchNetwork*>(error, nullptr, [&] {
    const at::Tensor inputs = import_data(*input);
    const at::Tensor targets = import_data(*target);
    check_pair(inputs, targets);
    return new MgitTorchNetwork(train(*training, inputs, targets));
  });
}

MgitTorchValue* make_value(const MgitTorchTensor* tensor, MgitTorchError* error) {
  return guarded<MgitTorchValue*>(error, nullptr, [&] {
    const c10::InferenceMode no_gradients;
    return new MgitTorchValue{copied(*tensor), {}};
  });
}

int view_value(MgitTorchValue* value, MgitTorchTensor* out, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    // What is remembered has to stay so.
    const c10::InferenceMode no_gradients(!value->tensor.requires_grad());
    // A view of ATen may be marked as conjugate or negative, which is in no byte of it.
    value->tensor = value->tensor.resolve_conj().resolve_neg().contiguous();
    value->shape.assign(value->tensor.sizes().begin(), value->tensor.sizes().end());
    *out = {"",
            name_of(value->tensor.scalar_type()),
            value->shape.data(),
            value->shape.size(),
            value->tensor.data_ptr(),
            value->tensor.nbytes()};
    return 1;
  });
}

void release_value(MgitTorchValue* value) { delete value; }

int has_operator(const char* op) { return is_operator(op) ? 1 : 0; }

int call_operator(const MgitTorchCall* call, MgitTorchValue** results, std::uint64_t capacity,
                  std::uint64_t* count, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    std::vector<at::Tensor> tensors;
    try {
      tensors = call_by_name(*call);
    } catch (const NotTaken& refused) {
      report(error, refused.what());
      return -1;
    }
    std::vector<std::unique_ptr<MgitTorchValue>> values;
    for (std::size_t i = 0; i < std::min<std::size_t>(tensors.size(), capacity); ++i)
      values.push_back(std::make_unique<MgitTorchValue>(MgitTorchValue{tensors[i], {}}));
    for (std::size_t i = 0; i < values.size(); ++i) results[i] = values[i].release();
    *count = tensors.size();
    return 1;
  });
}

int add_batch_loss(const char* loss, const MgitTorchValue* output, const MgitTorchValue* target,
                   MgitTorchSums* sums, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    const c10::InferenceMode no_gradients;
    add_loss(loss, output->tensor, target->tensor, *sums);
    return 1;
  });
}

int score_network(MgitTorchNetwork* network, const char* loss, std::uint64_t batch,
                  const MgitTorchScoring* scoring, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    if (!network->input.defined()) throw std::runtime_error("no data to evaluate on");
    score_all(*network, loss, static_cast<std::int64_t>(batch), *scoring);
    return 1;
  });
}

int score_batch(const char* loss, const MgitTorchValue* output, const MgitTorchValue* target,
                std::uint64_t begin, const MgitTorchScoring* scoring, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    const c10::InferenceMode no_gradients;
    score(loss, output->tensor, target->tensor, begin, *scoring);
    return 1;
  });
}

MgitTorchValue* watch_value(const MgitTorchValue* value, MgitTorchError* error) {
  return guarded<MgitTorchValue*>(error, nullptr, [&] {
    at::Tensor copy = value->tensor.clone();
    copy.requires_grad_(true);
    return new MgitTorchValue{std::move(copy), {}};
  });
}

int loss_gradients(const char* loss, const MgitTorchValue* output, const MgitTorchValue* target,
                   MgitTorchValue* const* watched, std::uint64_t count, double* mean,
                   MgitTorchValue** results, MgitTorchError* error) {
  return guarded(error, 0, [&] {
    std::vector<at::Tensor> inputs;
    for (std::uint64_t i = 0; i < count; ++i) inputs.push_back(watched[i]->tensor);
    const at::Tensor total = mean_loss(loss, output->tensor, target->tensor.clone());
    if (!total.requires_grad())
      throw std::runtime_error("what the network returns does not depend on its weights");
    *mean = total.item<double>();
    const std::vector<at::Tensor> found =
        torch::autograd::grad({total}, inputs, {}, {}, false, true);
    std::vector<std::unique_ptr<MgitTorchValue>> values(count);
    for (std::uint64_t i = 0; i < count; ++i)
      if (found[i].defined())
        values[i] = std::make_unique<MgitTorchValue>(
            MgitTorchValue{found[i].detach().to(at::kFloat).contiguous(), {}});
    for (std::uint64_t i = 0; i < count; ++i) results[i] = values[i].release();
    return 1;
  });
}

constexpr MgitTorchApi kApi{kMgitTorchAbi,
                            TORCH_VERSION,
                            set_threads,
                            open,
                            close,
                            save,
                            slot_count,
                            slot,
                            write_slot,
                            read_slot,
                            set_data,
                            evaluate_network,
                            keep_outputs,
                            compare_outputs,
                            network_activations,
                            train_network,
                            make_value,
                            view_value,
                            release_value,
                            has_operator,
                            call_operator,
                            add_batch_loss,
                            score_network,
                            score_batch,
                            watch_value,
                            loss_gradients};

}  // namespace
}  // namespace mgit::torch_plugin

extern "C" __attribute__((visibility("default"))) const MgitTorchApi* mgit_torch_api() {
  // The optimising executor recompiles after watching two runs: slower here, and not bit-stable.
  torch::jit::setGraphExecutorOptimize(false);
  return &mgit::torch_plugin::kApi;
}
