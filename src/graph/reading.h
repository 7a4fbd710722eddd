// What every reader of graphs does with its errors.
#pragma once

#include <string>
#include <string_view>

#include "mgit/base.h"

namespace mgit {

/// read(), whose errors are about the file named `source`.
template <class Read>
auto reading(std::string_view source, const Read& read) {
  try {
    return read();
  } catch (const CorruptError& error) {
    throw CorruptError(error.what(), std::string(source), error.hint());
  } catch (const Error& error) {
    throw Error(error.what(), std::string(source), error.hint());
  }
}

}  // namespace mgit
