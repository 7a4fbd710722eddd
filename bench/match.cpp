// Measures matching and its parts; bench/match.py and bench/assignment.py compare with peers. One
// JSON line per call.
//
//   bench_match gemm N M                   similarity product, GFLOP/s
//   bench_match assignment FILE N          raw float32 matrix: cold, and warm from its own duals;
//                                          CPU time, with every instruction set the same
//   bench_match pair A B SEED RESTARTS     weight matching of two checkpoints of a known family;
//                                          -1 restarts: the default
#include <fmt/format.h>

#include <time.h>

#include <chrono>
#include <cstring>
#include <random>
#include <string>

#include "base/mapped_file.h"
#include "base/threads.h"
#include "match/assignment/solver.h"
#include "match/gemm.h"
#include "mgit/match.h"
#include "mgit/store.h"

namespace mgit {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Fastest of `repeats` runs.
template <typename Work>
double fastest(int repeats, const Work& work) {
  double best = 1e300;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, seconds_since(start));
  }
  return best;
}

void gemm(std::size_t n, std::size_t m) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(n * m);
  for (float& value : values) value = normal(random);
  const PackedMatrix left = pack(values, n, m, kLeftPanel);
  const PackedMatrix right = pack(values, n, m, kRightPanel);
  std::vector<double> sum(n * n);
  const double work =
      2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(m);
  for (const Kernels* with : all_kernels()) {
    const double seconds = fastest(5, [&] { multiply_add(left, right, sum, *with); });
    fmt::print("{{\"kernel\":\"{}\",\"n\":{},\"m\":{},\"threads\":{},\"gflops\":{:.1f}}}\n",
               with->name, n, m, thread_count(), work / seconds / 1e9);
  }
}

/// Milliseconds of CPU, the least of batches that fill a quarter of a second, at least one.
template <typename Work>
double cpu_milliseconds(const Work& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
  };
  double best = 1e300;
  double spent = 0;
  for (int batch = 1; spent < 250; batch = best < 1 ? static_cast<int>(1 / best) + 1 : 1) {
    const double start = now();
    for (int i = 0; i < batch; ++i) work();
    const double took = now() - start;
    best = std::min(best, took / batch);
    spent += took;
  }
  return best;
}

void assignment(const std::string& path, std::size_t n) {
  const MappedFile file(path);
  std::vector<float> score(n * n);
  if (file.bytes().size() != score.size() * sizeof(float)) throw Error("not n x n floats", path);
  std::memcpy(score.data(), file.bytes().data(), file.bytes().size());
  std::vector<std::uint32_t> result;
  const double cold = cpu_milliseconds([&] { result = solve_assignment(score, n); });
  AssignmentDuals duals;
  solve_assignment(score, n, &duals);
  const double warm = cpu_milliseconds([&] { solve_assignment(score, n, &duals); });
  for (const Kernels* with : all_kernels())
    if (solve_assignment_with(*with, score, n, n, nullptr) != result)
      throw Error(std::string("another permutation with ") + with->name, path);
  double value = 0;
  for (std::size_t i = 0; i < n; ++i) value += static_cast<double>(score[i * n + result[i]]);
  fmt::print("{{\"ms\":{:.5f},\"warm_ms\":{:.5f},\"value\":{:.17g}}}\n", cold, warm, value);
}

void pair(const std::string& a, const std::string& b, std::uint64_t seed, int restarts) {
  const auto start = std::chrono::steady_clock::now();
  const auto first = open_checkpoint_file(a);
  const auto second = open_checkpoint_file(b);
  const auto spec = recognise(first->tensors());
  if (!spec) throw Error("no family knows this network", a);
  MatchOptions options;
  options.seed = seed;
  if (restarts >= 0) options.restarts = restarts;
  const MatchResult result = match_weights(*spec, *first, *second, options);
  fmt::print("{{\"seconds\":{:.4f},\"sweeps\":{},\"objective\":{:.10g}}}\n", seconds_since(start),
             result.sweeps, result.objective_after);
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 3 && arguments[0] == "gemm") {
    gemm(std::stoul(arguments[1]), std::stoul(arguments[2]));
  } else if (arguments.size() == 3 && arguments[0] == "assignment") {
    assignment(arguments[1], std::stoul(arguments[2]));
  } else if (arguments.size() == 5 && arguments[0] == "pair") {
    pair(arguments[1], arguments[2], std::stoull(arguments[3]), std::stoi(arguments[4]));
  } else {
    fmt::print(stderr, "usage: bench_match gemm|assignment|pair ARGUMENTS...\n");
    return 129;
  }
  return 0;
}

}  // namespace
}  // namespace mgit

int main(int argc, char** argv) {
  try {
    return mgit::run({argv + 1, argv + argc});
  } catch (const mgit::Error& error) {
    fmt::print(stderr, "fatal: {}: {}\n", error.where(), error.what());
    return error.exit_code();
  }
}
