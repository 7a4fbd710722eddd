// Runs a fuzz target without libFuzzer, the same every time: every file of its corpus, then a
// number of mutations of them. An input that ends the process is left as crash-<name>.
//
//   fuzz_<name> [-n MUTATIONS] [-s SEED] FILE-OR-DIRECTORY...
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/random.h"
#include "fuzz.h"

namespace fs = std::filesystem;

namespace {

using mgit::Random;
using Data = std::vector<std::uint8_t>;

constexpr std::size_t kLargestInput = std::size_t{1} << 16;
constexpr unsigned kSecondsPerInput = 20;
constexpr rlim_t kMemory = rlim_t{4} << 30;

std::string crash_name;
const Data* current = nullptr;

/// Leaves the input behind, then dies of the signal.
void on_signal(int signal) {
  std::FILE* file = std::fopen(crash_name.c_str(), "wb");
  if (file != nullptr && current != nullptr) {
    std::fwrite(current->data(), 1, current->size(), file);
    std::fclose(file);
    std::printf("signal %d: the input is in %s\n", signal, crash_name.c_str());
    std::fflush(stdout);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

Data read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return {text.begin(), text.end()};
}

std::vector<Data> read_corpus(const std::vector<fs::path>& places) {
  std::vector<fs::path> files;
  for (const fs::path& place : places) {
    if (!fs::is_directory(place)) {
      files.push_back(place);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(place))
      if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Data> corpus;
  for (const fs::path& file : files) corpus.push_back(read_file(file));
  return corpus;
}

void put_number(Data& data, Random& random) {
  static constexpr std::array<std::uint64_t, 12> kNumbers{
      0,          1,          0x7f,        0xff,        0x7fff,       0xffff,
      0x7fffffff, 0xffffffff, 0x100000000, ~0ULL >> 1U, ~0ULL << 63U, ~0ULL};
  static constexpr std::array<std::size_t, 4> kWidths{1, 2, 4, 8};
  const std::uint64_t number = kNumbers[random.below(kNumbers.size())];
  const std::size_t width = kWidths[random.below(kWidths.size())];
  if (data.size() < width) return;
  std::memcpy(data.data() + random.below(data.size() - width + 1), &number, width);
}

/// A piece of `from` over, or into, `data`.
void splice(Data& data, const Data& from, Random& random) {
  if (from.empty()) return;
  const std::size_t begin = random.below(from.size());
  const std::size_t length = 1 + random.below(std::min<std::size_t>(from.size() - begin, 64));
  const std::size_t at = random.below(data.size() + 1);
  if (random.below(2) == 0)
    data.erase(data.begin() + static_cast<std::ptrdiff_t>(at),
               data.begin() + static_cast<std::ptrdiff_t>(std::min(data.size(), at + length)));
  const Data piece(from.begin() + static_cast<std::ptrdiff_t>(begin),
                   from.begin() + static_cast<std::ptrdiff_t>(begin + length));
  data.insert(data.begin() + static_cast<std::ptrdiff_t>(at), piece.begin(), piece.end());
}

void mutate_once(Data& data, const std::vector<Data>& corpus, Random& random) {
  const std::size_t at = data.empty() ? 0 : random.below(data.size());
  const std::size_t length =
      data.empty() ? 0 : 1 + random.below(std::min<std::size_t>(data.size() - at, 16));
  const auto place = data.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random.below(7)) {
    case 0:
      if (!data.empty()) *place = static_cast<std::uint8_t>(*place ^ 1U << random.below(8));
      break;
    case 1:
      if (!data.empty()) *place = static_cast<std::uint8_t>(random.next());
      break;
    case 2:
      data.insert(place, static_cast<std::uint8_t>(random.next()));
      break;
    case 3:
      data.erase(place, place + static_cast<std::ptrdiff_t>(length));
      break;
    case 4:
      data.resize(at);
      break;
    case 5:
      put_number(data, random);
      break;
    default:
      splice(data, corpus[random.below(corpus.size())], random);
  }
  if (data.size() > kLargestInput) data.resize(kLargestInput);
}

void run(const Data& data) {
  current = &data;
  ::alarm(kSecondsPerInput);
  // A copy of exactly its size, so that a sanitizer sees a read past its end.
  const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[data.size()]);
  std::copy(data.begin(), data.end(), exact.get());
  LLVMFuzzerTestOneInput(exact.get(), data.size());
}

void limit_resources() {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM})
    std::signal(signal, on_signal);
#if !defined(__SANITIZE_ADDRESS__)
  const rlimit memory{kMemory, kMemory};
  ::setrlimit(RLIMIT_AS, &memory);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  crash_name = "crash-" + fs::path(argv[0]).filename().string();
  std::uint64_t mutations = 0;
  std::uint64_t seed = 1;
  for (int option = 0; (option = ::getopt(argc, argv, "n:s:")) != -1;) {
    if (option == 'n')
      mutations = std::strtoull(optarg, nullptr, 10);
    else if (option == 's')
      seed = std::strtoull(optarg, nullptr, 10);
    else
      return 2;
  }
  std::vector<Data> corpus = read_corpus({argv + optind, argv + argc});
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no inputs\n", argv[0]);
    return 2;
  }
  limit_resources();
  for (const Data& data : corpus) run(data);
  Random random(seed);
  for (std::uint64_t i = 0; i < mutations; ++i) {
    Data data = corpus[random.below(corpus.size())];
    for (std::size_t steps = 1 + random.below(6); steps > 0; --steps)
      mutate_once(data, corpus, random);
    run(data);
  }
  std::printf("%zu inputs, %llu mutations\n", corpus.size(),
              static_cast<unsigned long long>(mutations));
  return 0;
}
