#include "workflow/merge/combine.h"

#include <algorithm>

#include "merge/norm_variance.h"
#include "model/model_spec.h"
#include "model/rewrite_checkpoint.h"
#include "workflow/merge/base_in_basin.h"

namespace mgit {
namespace {

/// One side of a model while it is combined. Manifests here name tensors by content; all sides have
/// one list of tensors in one order.
struct CombinedSide {
  Manifest stored;  // as it was committed
  Manifest moved;   // in our basin
  std::unique_ptr<TensorSource> original;
  std::unique_ptr<TensorSource> source;  // what `moved` names; nullptr: `original`

  TensorData read(std::string_view name) const { return (source ? source : original)->read(name); }
};

CombinedSide open_side(Workspace& repository, const ModelPlan& plan, const SidePlan& side) {
  repository.need(side.model, side.model.path);
  const Store& store = repository.store();
  CombinedSide result;
  result.stored = by_content(store, side.model.manifest);
  result.moved = result.stored;
  result.original = open_model(store, side.model);
  if (!moves(side)) return result;
  result.source =
      std::make_unique<PermutedModel>(*result.original, *plan.spec, side.match->permutation);
  for (ManifestTensor& tensor : result.moved.tensors)
    tensor.object = sha256(result.source->read(tensor.info.name).view.data);
  return result;
}

/// A part of the result, and the file it is written in.
struct Frame {
  std::size_t side;
  const Manifest* file;
};

/// The part itself, or the other side's where only they changed more than values.
Frame frame_of(const Store& store, const ModelPlan& plan, const CommittedCheckpoint& part) {
  if (!plan.two_way && plan.sides.size() == 2) {
    const std::size_t other = 1 - plan.home;
    const Manifest* base = same_part(*plan.base_model, part);
    const Manifest* there = same_part(plan.sides[other].model, part);
    if (base != nullptr && there != nullptr && same_but_values(store, part.manifest, *base))
      return {other, there};
  }
  return {plan.home, &part.manifest};
}

class Combination {
 public:
  Combination(Workspace& repository, Store::Batch& batch, const ModelPlan& plan)
      : store_(repository.store()), batch_(batch), plan_(plan) {
    for (const SidePlan& side : plan.sides) sides_.push_back(open_side(repository, plan, side));
    if (!plan.two_way) {
      if (plan.strategy->needs_base) repository.need(*plan.base_model, "the base");
      base_ = std::make_unique<CarriedModel>(store_, *plan.base_model, plan.sides[0].recorded);
    }
    result_.tensors.resize(plan.sides.front().model.manifest.tensors.size());
  }

  MergedModel run() {
    for (const CommittedCheckpoint& part : plan_.home_model().parts)
      result_.parts.push_back(rewrite(part));
    return std::move(result_);
  }

 private:
  Manifest rewrite(const CommittedCheckpoint& part) {
    const Frame frame = frame_of(store_, plan_, part);
    const auto info = [&](std::size_t tensor) -> const TensorInfo& {
      return frame.file->tensors[tensor].info;
    };
    TensorRewrite rewrite;
    rewrite.content = [&](std::size_t tensor) { return content(info(tensor).name, frame.side); };
    rewrite.put = [&](std::size_t tensor, const Digest& object, Bytes data) {
      batch_.put_as(object, data, std::max(1U, dtype_bits(info(tensor).dtype) / 8),
                    hint_from(part.manifest, info(tensor)));
    };
    return rewrite_checkpoint(store_, batch_, *frame.file, rewrite);
  }

  const Digest& moved_object(std::size_t side, std::size_t tensor) const {
    return sides_[side].moved.tensors[tensor].object;
  }

  std::size_t index_of(std::string_view name) const {
    const Manifest& ours = sides_.front().stored;
    return static_cast<std::size_t>(ours.find(name) - ours.tensors.data());
  }

  /// The sides that decide a tensor and do not agree; one alone where they do.
  std::vector<std::size_t> contenders(std::size_t index) const {
    std::vector<std::size_t> deciding = deciding_sides(
        plan_, index, [&](std::size_t side) { return sides_[side].stored.tensors[index].object; });
    if (const auto& side = plan_.from_side[index]) return {*side};
    const auto alike = [&](std::size_t side) {
      return moved_object(side, index) == moved_object(deciding.front(), index);
    };
    if (std::all_of(deciding.begin(), deciding.end(), alike)) deciding.resize(1);
    return deciding;
  }

  /// The merged tensor; nullopt where it is what the frame's model has.
  std::optional<TensorData> content(const std::string& name, std::size_t frame) {
    const std::size_t index = index_of(name);
    const std::vector<std::size_t> deciding = contenders(index);
    MergedTensor& merged = result_.tensors[index];
    if (deciding.size() > 1) {
      const BatchNorm* norm = find_norm(plan_.norms, name);
      merged = {TensorFate::kCombined, 0, norm != nullptr};
      return norm != nullptr ? repaired(*norm, index, deciding) : combined(index, deciding);
    }
    for (std::size_t side = 0; side < sides_.size(); ++side)
      if (moved_object(side, index) != moved_object(deciding.front(), index))
        merged = {TensorFate::kFromOneSide, deciding.front()};
    if (moved_object(deciding.front(), index) == sides_[frame].stored.tensors[index].object)
      return std::nullopt;
    return sides_[deciding.front()].read(name);
  }

  TensorData combined(std::size_t index, const std::vector<std::size_t>& deciding) const {
    const TensorInfo& info = sides_.front().stored.tensors[index].info;
    std::vector<TensorData> data;
    std::vector<TensorView> views;
    std::vector<double> weights;
    for (const std::size_t side : deciding) {
      data.push_back(sides_[side].read(info.name));
      views.push_back(data.back().view);
      weights.push_back(plan_.sides[side].weight);
    }
    StrategyInput input{info.name, views, weights};
    input.base = base_.get();
    const auto merged = std::make_shared<Buffer>(plan_.strategy->merge(input));
    return {{info.dtype, info.shape, *merged}, merged};
  }

  TensorData repaired(const BatchNorm& norm, std::size_t index,
                      const std::vector<std::size_t>& deciding) const {
    std::vector<NormSide> norm_sides;
    for (const std::size_t each : deciding) {
      const CombinedSide& side = sides_[each];
      norm_sides.push_back(
          {[&side](std::string_view name) { return side.read(name); }, plan_.sides[each].weight});
    }
    const auto variance =
        std::make_shared<Buffer>(merged_variance(norm, norm_sides, [this](std::string_view layer) {
          const std::size_t weight = index_of(layer);
          const std::vector<std::size_t> from = contenders(weight);
          return from.size() > 1 ? combined(weight, from) : sides_[from.front()].read(layer);
        }));
    const TensorInfo& info = sides_.front().stored.tensors[index].info;
    return {{info.dtype, info.shape, *variance}, variance};
  }

  const Store& store_;
  Store::Batch& batch_;
  const ModelPlan& plan_;
  std::vector<CombinedSide> sides_;
  std::unique_ptr<TensorSource> base_;
  MergedModel result_;
};

}  // namespace

CommittedModel with_parts(CommittedModel model, const std::vector<Manifest>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    model.parts[i].manifest = parts[i];
    for (const ManifestTensor& tensor : parts[i].tensors)
      for (ManifestTensor& known : model.manifest.tensors)
        if (known.info.name == tensor.info.name) known = tensor;
  }
  if (!model.index) model.manifest = parts.front();
  return model;
}

MergedModel combine(Workspace& repository, Store::Batch& batch, const ModelPlan& plan) {
  return Combination(repository, batch, plan).run();
}

}  // namespace mgit
