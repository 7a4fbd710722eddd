// Talk goes to stderr, one line each.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>

namespace mgit::cli {

inline void say(const std::string& line) { fmt::print(stderr, "{}\n", line); }

}  // namespace mgit::cli
