// Measures matching and its parts; bench/match.py and bench/assignment.py compare with peers. One
// JSON line per call.
//
//   bench_match gemm N M                   similarity product, GFLOP/s
//   bench_match assignment FILE N          raw float32 matrix: cold, and warm from its own duals;
//                                          CPU time, with every instruction set the same
//   bench_match pair A B METHOD SEED RESTARTS [SPEC]
//                                          two checkpoints of a known family, or with a spec file;
//                                          -1 restarts: the default. CPU time of matching alone
//   bench_match order A B METHOD SEED RESTARTS SPEC
//                                          the permutation that is found, by group
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <time.h>

#include <chrono>
#include <cstring>
#include <random>
#include <string>

#include "base/mapped_file.h"
#include "base/threads.h"
#include "match/assignment/solver.h"
#include "match/gemm.h"
#include "match/method.h"
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

double process_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Pair {
  Spec spec;
  MatchResult result;
  double seconds;
  double cpu_seconds;
};

/// Of arguments as `pair` takes them.
Pair match_pair(const std::vector<std::string>& arguments) {
  const auto first = open_checkpoint_file(arguments[1]);
  const auto second = open_checkpoint_file(arguments[2]);
  std::optional<Spec> spec;
  if (arguments.size() > 6) {
    const MappedFile file(arguments[6]);
    spec = bind_spec({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                     arguments[6], first->tensors());
  } else {
    spec = recognise(first->tensors());
  }
  if (!spec) throw Error("no family knows this network", arguments[1]);
  MatchOptions options;
  options.seed = std::stoull(arguments[4]);
  options.weighting = Weighting::kRaw;  // as the plain algorithm has it
  if (const int restarts = std::stoi(arguments[5]); restarts >= 0) options.restarts = restarts;
  const auto start = std::chrono::steady_clock::now();
  const double cpu = process_cpu_seconds();
  MatchResult result = require_method(arguments[3])
                           .match({.spec = *spec, .a = *first, .b = *second, .options = options});
  return {*std::move(spec), std::move(result), seconds_since(start), process_cpu_seconds() - cpu};
}

void pair(const std::vector<std::string>& arguments) {
  const Pair found = match_pair(arguments);
  fmt::print("{{\"seconds\":{:.4f},\"cpu\":{:.4f},\"sweeps\":{},\"objective\":{:.10g}}}\n",
             found.seconds, found.cpu_seconds, found.result.sweeps, found.result.objective_after);
}

void order(const std::vector<std::string>& arguments) {
  const Pair found = match_pair(arguments);
  std::string groups;
  for (std::size_t g = 0; g < found.spec.groups.size(); ++g)
    groups += fmt::format("{}\"{}\":[{}]", g == 0 ? "" : ",", found.spec.groups[g].name,
                          fmt::join(found.result.permutation.groups[g], ","));
  fmt::print("{{\"cpu\":{:.6f},\"groups\":{{{}}}}}\n", found.cpu_seconds, groups);
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 3 && arguments[0] == "gemm") {
    gemm(std::stoul(arguments[1]), std::stoul(arguments[2]));
  } else if (arguments.size() == 3 && arguments[0] == "assignment") {
    assignment(arguments[1], std::stoul(arguments[2]));
  } else if ((arguments.size() == 6 || arguments.size() == 7) && arguments[0] == "pair") {
    pair(arguments);
  } else if (arguments.size() >= 6 && arguments[0] == "order") {
    order(arguments);
  } else {
    fmt::print(stderr, "usage: bench_match gemm|assignment|pair|order ARGUMENTS...\n");
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
