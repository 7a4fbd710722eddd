// The speed and size of the store's coders on one core: CPU seconds, frame by frame.
//
//   bench_coding FILE              its tensors, each by itself
//   bench_coding BASE FILE         as differences from the tensors of the same name in BASE
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "base/mapped_file.h"
#include "coding/delta.h"
#include "coding/frames.h"
#include "mgit/format.h"
#include "store/record_frames.h"

namespace {

using namespace mgit;

constexpr int kRounds = 5;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Totals {
  std::uint64_t raw = 0;
  std::uint64_t coded = 0;
  double preparing = 0;  // the sample, or the frame that a delta tries
  double encoding = 0;
  double decoding = 0;
};

/// The fastest of several.
template <typename Action>
double timed(const Action& action) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const double begin = cpu_seconds();
    action();
    best = std::min(best, cpu_seconds() - begin);
  }
  return best;
}

Buffer one_frame_payload(const Buffer& frame) {
  Buffer payload = frame;
  wire::put_u32(payload, static_cast<std::uint32_t>(frame.size()));
  return payload;
}

/// `decode` makes a frame from a payload that is that frame.
template <typename Decode>
void measure(Bytes data, const ObjectCoder& coder, const Decode& decode, Totals& totals) {
  for (std::size_t i = 0; i < coder.frames(); ++i) {
    Buffer frame;
    totals.encoding += timed([&] { frame = coder.encode(i); });
    const Bytes original = data.subspan(i * kFrameSize, frame_size(data.size(), i));
    const Buffer payload = one_frame_payload(frame);
    Buffer back(original.size());
    totals.decoding += timed([&] { decode(i, payload, back); });
    if (!std::ranges::equal(back, original)) std::abort();
    totals.coded += std::min(frame.size(), original.size());
  }
  totals.raw += data.size();
}

void measure_plain(Bytes data, unsigned element, Totals& totals) {
  totals.preparing += timed([&] { const FrameCoder coder(data, element); });
  const FrameCoder coder(data, element);
  measure(
      data, coder,
      [&](std::size_t, const Buffer& payload, std::span<std::byte> out) {
        FrameDecoder(payload, out.size(), coder.planes()).decode(0, out);
      },
      totals);
}

std::unique_ptr<ObjectFrames> raw_frames(Bytes data) {
  Record record;
  record.header.size = data.size();
  record.payload = data;
  return frames_of(record, nullptr);
}

void measure_delta(Bytes base, Bytes data, unsigned element, Totals& totals) {
  const auto frames = raw_frames(base);
  totals.preparing += timed([&] { const DeltaCoder coder(data, *frames, element); });
  const DeltaCoder coder(data, *frames, element);
  measure(
      data, coder,
      [&](std::size_t i, const Buffer& payload, std::span<std::byte> out) {
        DeltaDecoder(payload, out.size(), coder.word())
            .decode(0, base.subspan(i * kFrameSize, out.size()), out);
      },
      totals);
}

Bytes bytes_of(const MappedFile& file, const StoredTensor& tensor) {
  return file.bytes().subspan(tensor.offset, tensor.length);
}

void print(const std::string& what, const Totals& totals) {
  const auto speed = [&](double seconds) {
    return static_cast<double>(totals.raw) / seconds / 1e9;
  };
  fmt::print("{:40} {:.4f} of raw, GB/s: prepare {:6.2f} encode {:.2f} decode {:.2f}\n", what,
             static_cast<double>(totals.coded) / static_cast<double>(totals.raw),
             speed(totals.preparing), speed(totals.encoding), speed(totals.decoding));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) return 2;
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // as in mgit
  ::mallopt(M_TRIM_THRESHOLD, 32 << 20);
  const MappedFile file(argv[argc - 1]);
  const MappedFile base(argv[1]);
  const ParsedCheckpoint parsed = parse_checkpoint(file.bytes(), argv[argc - 1]);
  const ParsedCheckpoint before = parse_checkpoint(base.bytes(), argv[1]);
  Totals totals;
  for (std::size_t i = 0; i < parsed.tensors.size(); ++i) {
    const StoredTensor& tensor = parsed.tensors[i];
    const unsigned element = std::max(dtype_bits(tensor.info.dtype) / 8, 1U);
    const Bytes data = bytes_of(file, tensor);
    if (data.empty()) continue;
    if (argc == 2)
      measure_plain(data, element, totals);
    else
      measure_delta(bytes_of(base, before.tensors.at(i)), data, element, totals);
  }
  print(argv[argc - 1], totals);
  return 0;
}
