#include "graph/view_operators.h"

#include <unordered_map>

namespace mgit {

namespace {

const std::unordered_map<std::string_view, Relation> kViews = {
    {"aten.alias", Relation::kSame},
    {"aten.detach", Relation::kSame},
    {"aten.lift_fresh", Relation::kSame},
    {"aten.to", Relation::kSame},
    {"aten.type_as", Relation::kUncertain},
    {"aten.positive", Relation::kSame},
    {"aten.lift", Relation::kUncertain},
    {"aten.dropout", Relation::kSame},
    {"aten.feature_dropout", Relation::kSame},
    {"aten.alpha_dropout", Relation::kSame},
    {"aten.view", Relation::kReshaped},
    {"aten.view_as", Relation::kReshaped},
    {"aten.unflatten", Relation::kReshaped},
    {"aten.unsqueeze", Relation::kReshaped},
    {"aten.squeeze", Relation::kReshaped},
    {"aten.transpose", Relation::kTurned},
    {"aten.t", Relation::kTurned},
    {"aten.swapaxes", Relation::kTurned},
    {"aten.swapdims", Relation::kTurned},
    {"aten.numpy_T", Relation::kTurned},
    {"aten.mT", Relation::kTurned},
    {"aten.permute", Relation::kPermuted},
    {"aten.select", Relation::kSelected},
    {"aten.slice", Relation::kSliced},
    {"aten.narrow", Relation::kPart},
    {"aten.expand", Relation::kPart},
    {"aten.expand_as", Relation::kPart},
    {"aten.broadcast_to", Relation::kPart},
    {"aten.split", Relation::kPart},
    {"aten.split_with_sizes", Relation::kPart},
    {"aten.chunk", Relation::kPart},
    {"aten.tensor_split", Relation::kPart},
    {"aten.hsplit", Relation::kPart},
    {"aten.vsplit", Relation::kPart},
    {"aten.dsplit", Relation::kPart},
    {"aten.unbind", Relation::kPart},
    {"aten.diagonal", Relation::kPart},
    {"aten.linalg_diagonal", Relation::kPart},
    {"aten.movedim", Relation::kPart},
    {"aten.moveaxis", Relation::kPart},
    {"aten.unfold", Relation::kPart},
    {"aten.real", Relation::kPart},
    {"aten.imag", Relation::kPart},
    {"aten.view_as_real", Relation::kPart},
    {"aten.view_as_complex", Relation::kPart},
    {"aten.adjoint", Relation::kUncertain},
    {"aten.mH", Relation::kUncertain},
    {"aten.matrix_H", Relation::kUncertain},
    {"aten.conj", Relation::kUncertain},
    {"aten._conj", Relation::kUncertain},
    {"aten._neg_view", Relation::kUncertain},
    {"aten.resolve_conj", Relation::kUncertain},
    {"aten.resolve_neg", Relation::kUncertain},
    {"aten.as_strided", Relation::kUncertain},
    {"aten._reshape_alias", Relation::kUncertain},
    {"aten.reshape", Relation::kUncertain},
    {"aten.reshape_as", Relation::kUncertain},
    {"aten.flatten", Relation::kUncertain},
    {"aten.ravel", Relation::kUncertain},
    {"aten.contiguous", Relation::kUncertain},
    {"aten.einsum", Relation::kUncertain},
    {"aten.broadcast_tensors", Relation::kUncertain},
    {"aten.meshgrid", Relation::kUncertain},
    {"aten.atleast_1d", Relation::kUncertain},
    {"aten.atleast_2d", Relation::kUncertain},
    {"aten.atleast_3d", Relation::kUncertain},
    {"aten.pin_memory", Relation::kUncertain},
};

}  // namespace

std::optional<Relation> relation_of(std::string_view op) {
  const auto found = kViews.find(op);
  if (found == kViews.end()) return std::nullopt;
  return found->second;
}

}  // namespace mgit
