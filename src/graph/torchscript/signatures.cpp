#include "graph/torchscript/signatures.h"

#include <unordered_map>

namespace mgit::torchscript {

namespace {

// What aten/src/ATen/native/native_functions.yaml says, as far as mgit knows the operators.
constexpr Signature kSignatures[] = {
    {1, "", "self other",
     "__and__ __lshift__ __or__ __rshift__ __xor__ atan2 bitwise_and bitwise_or bitwise_xor "
     "copysign div divide eq expand_as floor_divide fmax fmin fmod ge greater greater_equal gt "
     "hypot ldexp le less less_equal logaddexp logical_and logical_or logical_xor lt matmul "
     "maximum minimum mul multiply ne not_equal remainder reshape_as true_divide type_as vdot "
     "view_as xlogy"},
    {1, "", "self output_size",
     "_adaptive_avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d"},
    {1, "", "self",
     "view_as_complex view_as_real real imag "
     "rand_like randn_like bernoulli _to_copy abs acos acosh alias asin asinh atan atanh "
     "bitwise_not ceil clone contiguous cos cosh deg2rad detach empty_like erf erfc exp exp2 "
     "expm1 floor frac gelu hardsigmoid hardswish isfinite isinf isnan lift_fresh "
     "lift_fresh_copy log log10 log1p log2 log_sigmoid logical_not mT mish neg negative "
     "nonzero numpy_T ones_like positive ravel reciprocal relu relu6 round rsqrt selu sgn "
     "sigmoid sign silu sin sinh special_erf special_expit sqrt square t tan tanh trunc zero "
     "zeros_like"},
    {1, "",
     "input weight bias stride padding dilation transposed output_padding groups benchmark "
     "deterministic cudnn_enabled allow_tf32",
     "_convolution"},
    {1, "", "self dim half_to_float", "_log_softmax _softmax"},
    {3, "", "input weight bias running_mean running_var momentum eps",
     "_native_batch_norm_legit_no_training"},
    {1, "", "self weight", "_prelu_kernel prelu"},
    {1, "", "self dim dtype", "_safe_softmax log_softmax softmax"},
    {1, "", "self indices", "_unsafe_index index"},
    {1, "", "self indices values accumulate", "_unsafe_index_put index_put"},
    {1, "", "self size", "_unsafe_view broadcast_to expand new_empty new_ones new_zeros"},
    {1, "", "v g dim", "_weight_norm"},
    {2, "", "self output_size", "adaptive_max_pool1d adaptive_max_pool2d"},
    {1, "", "abs angle", "polar"},
    {1, "", "real imag", "complex"},
    {1, "", "self other alpha", "add rsub sub subtract"},
    {1, "", "self tensor1 tensor2", "addcdiv addcmul"},
    {1, "", "self mat1 mat2", "addmm"},
    {1, "", "self mat vec", "addmv"},
    {1, "", "self dim keepdim",
     "all amax amin any argmax argmin logsumexp mean nanmean nansum prod sum"},
    {1, "", "input p train", "alpha_dropout dropout feature_alpha_dropout feature_dropout"},
    {1, "", "end:n", "arange"},
    {1, "start", "start:n end:n", "arange"},
    {1, "start_step", "start:n end:n step:n", "arange"},
    {1, "", "self dim descending", "argsort"},
    {1, "", "self:T", "max median min"},
    {1, "", "self kernel_size stride padding ceil_mode count_include_pad", "avg_pool1d"},
    {1, "", "self kernel_size stride padding ceil_mode count_include_pad divisor_override",
     "avg_pool2d avg_pool3d"},
    {1, "", "self batch1 batch2", "baddbmm"},
    {1, "", "input weight bias running_mean running_var training momentum eps cudnn_enabled",
     "batch_norm"},
    {1, "", "input1 input2 weight bias", "bilinear"},
    {1, "", "self mat2", "bmm mm"},
    {0, "", "tensors", "broadcast_tensors meshgrid"},
    {1, "", "self boundaries", "bucketize"},
    {1, "", "tensors dim", "cat concat concatenate stack"},
    {1, "", "self alpha", "celu"},
    {1, "", "self groups", "channel_shuffle native_channel_shuffle"},
    {0, "", "self chunks dim", "chunk unsafe_chunk"},
    {1, "", "self min max", "clamp clip"},
    {1, "", "self max", "clamp_max"},
    {1, "", "self min", "clamp_min"},
    {1, "", "self pad value", "constant_pad_nd"},
    {1, "", "input weight bias stride padding dilation groups",
     "conv1d conv2d conv3d _convolution_mode"},
    {1, "", "input weight bias stride padding output_padding groups dilation",
     "conv_transpose1d conv_transpose2d conv_transpose3d"},
    {1, "", "input weight bias stride padding dilation transposed output_padding groups",
     "convolution"},
    {1, "", "self src non_blocking", "copy"},
    {1, "", "x1 x2 dim eps", "cosine_similarity"},
    {1, "", "self other dim", "cross linalg_cross"},
    {1, "", "self dim", "count_nonzero cumprod cumsum glu logcumsumexp squeeze unsqueeze"},
    {2, "", "self dim", "cummax cummin"},
    {1, "", "self offset dim1 dim2", "diagonal"},
    {1, "", "self n dim prepend append", "diff"},
    {1, "", "self tensor", "dot"},
    {1, "", "equation tensors", "einsum"},
    {1, "", "self alpha scale input_scale", "elu"},
    {1, "", "weight indices padding_idx scale_grad_by_freq sparse", "embedding"},
    {1, "", "size", "rand randn empty ones zeros"},
    {1, "", "n m", "eye"},
    {1, "", "self value", "fill"},
    {1, "", "self start_dim end_dim", "flatten"},
    {1, "", "self dims", "flip permute tile"},
    {1, "", "size fill_value", "full"},
    {1, "", "self fill_value", "full_like"},
    {1, "", "self dim index", "gather index_select select"},
    {1, "", "self vec2", "ger outer"},
    {1, "", "input num_groups weight bias eps cudnn_enabled", "group_norm"},
    {2, "input",
     "input:T hx:T params:L has_biases:b num_layers:n dropout:n train:b bidirectional:b "
     "batch_first:b",
     "gru rnn_relu rnn_tanh"},
    {1, "", "input hx w_ih w_hh b_ih b_hh", "gru_cell rnn_relu_cell rnn_tanh_cell"},
    {1, "", "self lambd", "hardshrink softshrink"},
    {1, "", "self min_val max_val", "hardtanh"},
    {1, "", "self values", "heaviside"},
    {1, "", "self kernel_size dilation padding stride", "im2col"},
    {1, "", "self dim index source", "index_add index_copy"},
    {1, "", "self dim index value", "index_fill"},
    {1, "", "input weight bias running_mean running_var use_input_stats momentum eps cudnn_enabled",
     "instance_norm"},
    {1, "", "input normalized_shape weight bias eps cudnn_enable", "layer_norm"},
    {1, "", "self negative_slope", "leaky_relu"},
    {1, "", "self end weight", "lerp"},
    {1, "", "self ord dim keepdim", "linalg_vector_norm"},
    {1, "", "input weight bias", "linear"},
    {1, "", "start end steps", "linspace"},
    {1, "", "self eps", "logit"},
    {3, "input",
     "input:T hx:L params:L has_biases:b num_layers:n dropout:n train:b bidirectional:b "
     "batch_first:b",
     "lstm"},
    {2, "", "input hx w_ih w_hh b_ih b_hh", "lstm_cell"},
    {1, "", "self mask value", "masked_fill"},
    {1, "other", "self:T other:T", "max min"},
    {2, "dim", "self:T dim:n keepdim:b", "max median min"},
    {1, "", "self kernel_size stride padding dilation ceil_mode",
     "max_pool1d max_pool2d max_pool3d"},
    {2, "", "self kernel_size stride padding dilation ceil_mode", "max_pool2d_with_indices"},
    {1, "", "self source destination", "moveaxis movedim"},
    {1, "", "self vec", "mv"},
    {1, "", "self nan posinf neginf", "nan_to_num"},
    {1, "", "self dim start length", "narrow"},
    {3, "", "input weight bias running_mean running_var training momentum eps",
     "native_batch_norm"},
    {3, "", "input weight bias N C HxW group eps", "native_group_norm"},
    {3, "", "input normalized_shape weight bias eps", "native_layer_norm"},
    {1, "", "self size fill_value", "new_full"},
    {1, "", "self p dim keepdim", "norm"},
    {1, "", "self num_classes", "one_hot"},
    {1, "", "self pad mode value", "pad"},
    {1, "", "self upscale_factor", "pixel_shuffle"},
    {1, "", "self downscale_factor", "pixel_unshuffle"},
    {1, "", "self exponent", "pow"},
    {1, "", "self padding",
     "reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d"},
    {1, "", "self repeats", "repeat"},
    {1, "Tensor", "repeats:T", "repeat_interleave"},
    {1, "self_Tensor", "self:T repeats:T dim:n", "repeat_interleave"},
    {1, "self_int", "self:T repeats:n dim:n", "repeat_interleave"},
    {1, "", "self shape", "reshape"},
    {1, "", "input normalized_shape weight eps", "rms_norm"},
    {1, "", "self shifts dims", "roll"},
    {1, "", "s", "scalar_tensor"},
    {1, "", "query key value attn_mask dropout_p is_causal", "scaled_dot_product_attention"},
    {1, "value", "self:T dim:n index:T value:n", "scatter"},
    {1, "src", "self:T dim:n index:T src:T", "scatter"},
    {1, "reduce", "self:T dim:n index:T src:T", "scatter"},
    {1, "value_reduce", "self:T dim:n index:T value:n", "scatter"},
    {1, "", "self dim index src", "scatter_add"},
    {1, "", "self dim index src reduce", "scatter_reduce"},
    {1, "", "self src dim index", "select_scatter"},
    {1, "", "self dim start end step", "slice"},
    {1, "", "self src dim start end step", "slice_scatter"},
    {1, "", "self beta threshold", "softplus"},
    {2, "", "self dim descending", "sort"},
    {0, "Tensor", "self:T split_size:n dim:n", "split"},
    {0, "sizes", "self:T split_size:I dim:n", "split"},
    {0, "", "self split_sizes dim", "split_with_sizes"},
    {1, "", "self:T unbiased:b", "std var"},
    {1, "dim", "self:T dim:I unbiased:b keepdim:b", "std var"},
    {1, "correction", "self:T dim:I", "std var"},
    {2, "", "self:T unbiased:b", "std_mean var_mean"},
    {2, "dim", "self:T dim:I unbiased:b keepdim:b", "std_mean var_mean"},
    {2, "correction", "self:T dim:I", "std_mean var_mean"},
    {1, "", "self axis0 axis1", "swapaxes"},
    {1, "", "self dim0 dim1", "swapdims transpose"},
    {0, "sections", "self:T sections:n dim:n", "tensor_split"},
    {0, "indices", "self:T indices:I dim:n", "tensor_split"},
    {0, "tensor_indices_or_sections", "self:T tensor_indices_or_sections:T dim:n", "tensor_split"},
    {1, "", "self threshold value", "threshold"},
    {1, "device", "self:T device:s dtype:n non_blocking:b copy:b memory_format:n", "to"},
    {1, "dtype", "self:T dtype:n non_blocking:b copy:b memory_format:n", "to"},
    {1, "other", "self:T other:T non_blocking:b copy:b memory_format:n", "to"},
    {1, "dtype_layout", "self:T", "to"},
    {2, "", "self k dim largest sorted", "topk"},
    {1, "", "self diagonal", "tril triu"},
    {1, "", "row col offset", "tril_indices triu_indices"},
    {0, "", "self dim", "unbind"},
    {1, "", "self dim sizes", "unflatten"},
    {1, "", "self dimension size step", "unfold"},
    {0, "", "self split_size dim", "unsafe_split"},
    {1, "", "self:T output_size:I align_corners:b scales_h:n scales_w:n",
     "upsample_bilinear2d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa"},
    {1, "vec", "input:T output_size:I align_corners:b scale_factors:I",
     "upsample_bilinear2d upsample_linear1d upsample_trilinear3d upsample_bicubic2d "
     "_upsample_bilinear2d_aa _upsample_bicubic2d_aa"},
    {1, "", "self:T output_size:I align_corners:b scales:n", "upsample_linear1d"},
    {1, "", "self:T output_size:I scales:n", "upsample_nearest1d _upsample_nearest_exact1d"},
    {1, "vec", "input:T output_size:I scale_factors:I",
     "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d "
     "_upsample_nearest_exact2d _upsample_nearest_exact3d"},
    {1, "", "self:T output_size:I scales_h:n scales_w:n",
     "upsample_nearest2d _upsample_nearest_exact2d"},
    {1, "", "self:T output_size:I scales_d:n scales_h:n scales_w:n",
     "upsample_nearest3d _upsample_nearest_exact3d"},
    {1, "", "self:T output_size:I align_corners:b scales_d:n scales_h:n scales_w:n",
     "upsample_trilinear3d"},
    {1, "", "self:T size:I", "view view_copy"},
    {1, "dtype", "self:T dtype:n", "view view_copy"},
    {1, "self", "condition:T self:T other:T", "where"},
    {1, "ScalarOther", "condition:T self:T other:n", "where"},
    {1, "ScalarSelf", "condition:T self:n other:T", "where"},
    {1, "Scalar", "condition:T self:n other:n", "where"},
};

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) result.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

using Rows = std::unordered_map<std::string_view, std::vector<const Signature*>>;

const Rows& rows() {
  static const Rows kRows = [] {
    Rows result;
    for (const Signature& row : kSignatures)
      for (const std::string_view op : words(row.operators)) result[op].push_back(&row);
    return result;
  }();
  return kRows;
}

bool is_a(char kind, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return true;
  const bool list = std::holds_alternative<List*>(value);
  switch (kind) {
    case 'T':
      return std::holds_alternative<Tensor*>(value);
    case 'L':
      return list;
    case 'I':
      return list && (std::get<List*>(value)->items.empty() || !has_tensor(value));
    case 'b':
      return std::holds_alternative<bool>(value);
    case 's':
      return std::holds_alternative<std::string>(value);
    default:
      return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value) ||
             std::holds_alternative<bool>(value);
  }
}

bool takes(const Signature& row, const std::vector<Value>& positional, bool exactly) {
  const std::vector<std::string_view> arguments = words(row.arguments);
  if (positional.size() > arguments.size()) return false;
  if (exactly && positional.size() != arguments.size()) return false;
  for (std::size_t i = 0; i < positional.size(); ++i) {
    const std::size_t colon = arguments[i].find(':');
    if (colon != std::string_view::npos && !is_a(arguments[i][colon + 1], positional[i]))
      return false;
  }
  return true;
}

}  // namespace

std::string pure_name(const std::string& op) {
  constexpr std::string_view kDunder = "__i";
  if (op.starts_with(kDunder) && op.ends_with("__") && op.size() > 5)
    return "__" + op.substr(kDunder.size());
  if (op.size() > 1 && op.ends_with("_") && !op.ends_with("__")) return op.substr(0, op.size() - 1);
  return op;
}

const Signature* find_signature(std::string_view pure, const std::vector<Value>& positional) {
  const auto found = rows().find(pure);
  if (found == rows().end()) return nullptr;
  for (const bool exactly : {true, false})
    for (const Signature* row : found->second)
      if (takes(*row, positional, exactly)) return row;
  return nullptr;
}

std::vector<std::string> argument_names(const Signature& signature) {
  std::vector<std::string> result;
  for (const std::string_view word : words(signature.arguments))
    result.emplace_back(word.substr(0, word.find(':')));
  return result;
}

bool is_operator(std::string_view pure) { return rows().contains(pure); }

}  // namespace mgit::torchscript
