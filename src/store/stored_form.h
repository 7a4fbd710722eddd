// The form in which an object is stored: as it is, coded, as its difference from another object, as
// another one with its axes reordered, or as what is left after a move of low rank.
//
// Choosing is pure: bytes in, a form out, the same with any number of threads. What is here to be a
// base, and whether a chain may grow, is for those to say who have a store (pack_batch, recode).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "coding/frames.h"
#include "coding/object_frames.h"
#include "coding/view.h"
#include "store/record.h"

namespace mgit {

/// Refers to the bytes of the object and, with a coder, to the base: both have to outlive it.
struct StoredForm {
  Encoding encoding = Encoding::kRaw;
  std::uint8_t element_size = 1;         // as the record has it
  std::optional<Digest> base{};          // of a view, a delta or a low-rank delta
  std::vector<Buffer> payload{};         // in pieces; none of kRaw: it is the object itself
  std::unique_ptr<ObjectCoder> coder{};  // makes the payload of what is too large for memory
  std::optional<View> view{};            // what a view's payload says
};

/// The header of a record in this form, of an object of so many bytes. The writer of the pack fills
/// in what it says about the payload.
RecordHeader header_of(const StoredForm& form, const Digest& object, std::uint64_t size);

/// An object of the same size, of which the one to be stored may be a new version.
struct OlderVersion {
  Digest object;
  std::shared_ptr<const ObjectFrames> frames;
};

/// What views of an object are written as views of: that object, or, where it is a view itself, the
/// object below it.
struct ViewBase {
  Digest object;
  std::optional<View> below{};  // how it is a view of `object`
};

/// An object of the same size, which the one to be stored may be in another order.
struct OtherOrder {
  ViewBase base;
  std::shared_ptr<const ObjectFrames> frames;  // of the object itself, not of what is below it
  Shape shape;                                 // of both
};

struct FormCandidates {
  std::optional<OlderVersion> older{};
  std::optional<OtherOrder> reordered{};
};

/// What a writer stores an object as: a delta where a sample says that it is worth a base, else a
/// view, else plain. `element_size` in bytes. Throws CorruptError if the older version cannot be
/// decoded; another order that cannot be is as good as none.
StoredForm choose_form(Bytes data, unsigned element_size, const FormCandidates& candidates);

/// Coded, or as it is where that gains nothing.
StoredForm plain_form(Bytes data, unsigned element_size);

/// As a view of what is or lies below `base`; plain where that is smaller, or where the two views
/// do not fit each other. `data` is the result of `view`, and not empty.
StoredForm view_form(Bytes data, const ViewBase& base, View view);

/// The smaller of a delta and a delta after a move of low rank, its payload in one piece, however
/// long it takes. `base` has the size of the tensor.
StoredForm smallest_form(const TensorView& tensor, const Digest& base, Bytes base_data);

}  // namespace mgit
