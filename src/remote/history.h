// Which objects a part of the history refers to, and by what.
#pragma once

#include <vector>

#include "mgit/git.h"

namespace mgit {

struct HistoryObjects {
  std::vector<Digest> of_models;   // of manifests: without them a model cannot be had
  std::vector<Digest> of_records;  // named only by records of rebases and merges, which may claim
                                   // what they like
};

HistoryObjects list_objects(const Repository& repository, const std::vector<Oid>& include,
                            const std::vector<Oid>& exclude);

}  // namespace mgit
