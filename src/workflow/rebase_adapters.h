// The adapters of a branch move with the models that they adapt.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "model/adapter.h"

namespace mgit {

struct RebasedModel;

/// An adapter whose model moves.
struct MovedAdapter {
  CommittedModel adapter;
  std::size_t base = 0;  // in the rebased models
  CarriedAdapter carried;
};

/// Of the adapters at a branch's tip, those that have to move as its models do. `models`: all
/// others of the tip; `rebased`: what becomes of those that move or could. Throws Error for an
/// adapter of which it is not known what it belongs to, or which cannot be carried along.
std::vector<MovedAdapter> moved_adapters(const Repository& repository, const Oid& tip,
                                         const Oid& target,
                                         const std::vector<CommittedModel>& adapters,
                                         const std::vector<CommittedModel>& models,
                                         const std::vector<RebasedModel>& rebased);

}  // namespace mgit
