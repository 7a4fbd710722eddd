// The far side of a remote: answers questions about a store (docs/protocol.md).
#pragma once

#include "mgit/store.h"
#include "remote/frames.h"

namespace mgit {

/// What the server says first.
constexpr std::string_view kGreeting = "mgit serve 1\n";

/// `mgit serve DIRECTORY` on two descriptors. Returns the exit status.
int serve_repository(int input, int output, const std::string& directory);

/// Until the other side ends the connection. Whatever goes wrong is said to it and ends that, too:
/// Errors are not thrown. False after one. `open` gives the store, or throws.
bool serve(FrameChannel& channel, const std::function<std::unique_ptr<Store>()>& open);

}  // namespace mgit
