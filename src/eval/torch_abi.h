// The C interface between mgit and its LibTorch plugin, libmgit_torch.so.
//
// The plugin exports one symbol, mgit_torch_api; everything else is reached through the table it
// returns. No C++ type and no exception crosses: functions that can fail return 0 or nullptr and
// leave one line of text in `error`. Neither side includes the other's headers, so the plugin may
// be built against another LibTorch, by another compiler. A network belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Raised whenever anything below changes: mgit refuses a plugin of another version.
inline constexpr std::uint32_t kMgitTorchAbi = 7;

struct MgitTorchNetwork;

// A tensor somebody else owns; little-endian, row-major, dtype by its safetensors name.
struct MgitTorchTensor {
  const char* name;
  const char* dtype;
  const std::uint64_t* shape;
  std::uint64_t rank;
  const void* data;
  std::uint64_t bytes;
};

// A parameter or buffer of a network. `storage` is equal for tensors that are tied.
struct MgitTorchSlot {
  const char* name;
  const char* dtype;  // "" for one that safetensors cannot hold
  const std::uint64_t* shape;
  std::uint64_t rank;
  const void* storage;
  std::uint64_t bytes;
  int is_parameter;
};

struct MgitTorchResult {
  double loss;
  double accuracy;  // below 0: not a classification
  std::uint64_t samples;
};

// A perceptron with `hidden` layers of `width` units (rectified), trained with AdamW, batches in an
// order drawn from `seed`, one learning-rate cycle. With `channels` not 0, two convolutions with
// batch norm come before it: a small VGG of that many channels, then twice as many.
struct MgitTorchTraining {
  std::uint64_t channels;
  std::uint64_t width;
  std::uint64_t hidden;
  std::uint64_t classes;
  std::uint64_t epochs;
  std::uint64_t batch;
  std::uint64_t seed;
  double learning_rate;
  double weight_decay;
  void (*epoch_done)(void* context, std::uint64_t epoch, double loss);
  void* context;
};

// Samples [begin, end) of the data set, `batch` at a time.
struct MgitTorchRange {
  std::uint64_t begin;
  std::uint64_t end;
  std::uint64_t batch;
};

// What a module returned on some samples, F32; borrowed for the call. `module` counts the names
// that were asked for. Returns 0 to stop. Throws nothing.
typedef int (*MgitTorchTake)(void* context, std::size_t module, const MgitTorchTensor* values);

// A tensor in LibTorch's hands, or a number as a tensor of rank 0. Released by whoever got it;
// tensors of one memory know nothing of one another, as no operator that writes is called.
struct MgitTorchValue;

enum MgitTorchKind {
  kMgitTorchNone,
  kMgitTorchValue,   // data: MgitTorchValue* const, one
  kMgitTorchValues,  // `count` of them; a null pointer is None
  kMgitTorchBools,   // unsigned char; the same kinds stand for one and for lists
  kMgitTorchInts,    // std::int64_t
  kMgitTorchDoubles,
  kMgitTorchText,  // `count` characters; dtypes by their safetensors names
};

struct MgitTorchArgument {
  const char* name;  // in ATen's schema
  MgitTorchKind kind;
  int is_list;  // of bools, ints, doubles
  const void* data;
  std::uint64_t count;
};

struct MgitTorchCall {
  const char* op;  // "add", of aten
  // The overload that is asked for first, "Tensor" or "default"; where it does not take the
  // arguments, the one that takes them best.
  const char* overload;
  const MgitTorchArgument* arguments;
  std::uint64_t count;
};

// Sums over samples, as evaluate() makes its result of them.
struct MgitTorchSums {
  double loss;
  std::uint64_t correct;
  std::uint64_t samples;
};

// What single samples, the rows of the data set, cost: of each its mean over what it has to tell.
struct MgitTorchScoring {
  const double* scales;   // logits are multiplied by them; of cross_entropy alone
  std::uint64_t count;    // of scales
  std::uint64_t samples;  // of the data set
  double* losses;         // `samples` for each scale
  double* correct;        // `samples` shares, 0..1; left alone where it is no classification
};

struct MgitTorchError {
  char text[512];
};

struct MgitTorchApi {
  std::uint32_t abi;
  const char* libtorch_version;

  // `threads` 0: LibTorch's own choice.
  void (*set_threads)(int threads);

  // TorchScript, onto the CPU, in evaluation mode.
  MgitTorchNetwork* (*open)(const char* path, MgitTorchError* error);
  void (*close)(MgitTorchNetwork* network);
  int (*save)(MgitTorchNetwork* network, const char* path, MgitTorchError* error);

  // Parameters and buffers; strings and shapes live as long as the network.
  std::size_t (*slot_count)(const MgitTorchNetwork* network);
  void (*slot)(const MgitTorchNetwork* network, std::size_t index, MgitTorchSlot* out);
  // `data` has the slot's bytes, in its dtype.
  int (*write_slot)(MgitTorchNetwork* network, std::size_t index, const void* data,
                    MgitTorchError* error);
  int (*read_slot)(const MgitTorchNetwork* network, std::size_t index, void* data,
                   MgitTorchError* error);

  // Copies the data set in; it stays for all evaluations to come.
  int (*set_data)(MgitTorchNetwork* network, const MgitTorchTensor* input,
                  const MgitTorchTensor* target, MgitTorchError* error);
  // `loss`: "cross_entropy" or "mse".
  int (*evaluate)(MgitTorchNetwork* network, const char* loss, std::uint64_t batch,
                  MgitTorchResult* result, MgitTorchError* error);

  // Runs the network over the data and keeps what it returns; then, with other weights, the largest
  // absolute change of any output.
  int (*keep_outputs)(MgitTorchNetwork* network, std::uint64_t batch, MgitTorchError* error);
  int (*compare_outputs)(MgitTorchNetwork* network, std::uint64_t batch, double* largest_change,
                         MgitTorchError* error);

  // What modules return, by their names in the network ("features.0"; "relu#2" is the second run of
  // one module): of each batch all modules, in the order of the names.
  int (*activations)(MgitTorchNetwork* network, const char* const* names, std::size_t count,
                     const MgitTorchRange* range, MgitTorchTake take, void* context,
                     MgitTorchError* error);

  MgitTorchNetwork* (*train)(const MgitTorchTraining* training, const MgitTorchTensor* input,
                             const MgitTorchTensor* target, MgitTorchError* error);

  // Tensors and operators, one by one.
  // A copy of the bytes, in their dtype.
  MgitTorchValue* (*make_value)(const MgitTorchTensor* tensor, MgitTorchError* error);
  // Row-major, in its own dtype, without a name; borrowed until the value is released.
  int (*view_value)(MgitTorchValue* value, MgitTorchTensor* out, MgitTorchError* error);
  void (*release_value)(MgitTorchValue* value);
  // Whether this LibTorch has an operator of ATen: "add".
  int (*has_operator)(const char* op);
  // Calls an operator of ATen on the CPU. Arguments that are left out have the schema's defaults;
  // numbers stand for tensors of rank 0 and the other way round, devices are the CPU. Operators
  // that write into their arguments or read files are refused. Up to `capacity` results, lists of
  // them one after the other, go to `results`; `count` says how many there are.
  // -1: this LibTorch has no such operator, or none that takes these arguments.
  int (*call)(const MgitTorchCall* call, MgitTorchValue** results, std::uint64_t capacity,
              std::uint64_t* count, MgitTorchError* error);
  // Adds what evaluate() adds for a batch: `loss` as there.
  int (*add_loss)(const char* loss, const MgitTorchValue* output, const MgitTorchValue* target,
                  MgitTorchSums* sums, MgitTorchError* error);

  // As evaluate(), sample by sample.
  int (*score)(MgitTorchNetwork* network, const char* loss, std::uint64_t batch,
               const MgitTorchScoring* scoring, MgitTorchError* error);
  // The scores of one batch, whose first sample is `begin`, of what the network returned for it.
  int (*score_batch)(const char* loss, const MgitTorchValue* output, const MgitTorchValue* target,
                     std::uint64_t begin, const MgitTorchScoring* scoring, MgitTorchError* error);

  // A copy to differentiate by: calls that are given it, or what came of it, are remembered.
  MgitTorchValue* (*watch_value)(const MgitTorchValue* value, MgitTorchError* error);
  // The mean loss over all targets, `loss` as in evaluate(), and its gradient, F32, by each of
  // `count` watched values; a null pointer by one that it does not depend on.
  int (*gradients)(const char* loss, const MgitTorchValue* output, const MgitTorchValue* target,
                   MgitTorchValue* const* watched, std::uint64_t count, double* mean,
                   MgitTorchValue** results, MgitTorchError* error);
};

typedef const MgitTorchApi* (*MgitTorchApiFunction)();

}  // extern "C"
