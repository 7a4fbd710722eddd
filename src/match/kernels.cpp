#include "match/kernels.h"

#include <cmath>

// Functions for one instruction set by gcc's pragmas; clang, which builds the fuzz targets only,
// has others and makes do with the generic ones.
#if defined(__x86_64__) && !defined(__clang__)
#define MGIT_X86_KERNELS
#include <immintrin.h>
#endif

namespace mgit {
namespace {

namespace generic {

constexpr std::size_t kLanes = 2;
using Floats = float __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
using Doubles = double __attribute__((vector_size(kLanes * 8), aligned(8), may_alias));
using Words = long long __attribute__((vector_size(kLanes * 8), aligned(8), may_alias));

Doubles widened(const float* data) {
  return __builtin_convertvector(*reinterpret_cast<const Floats*>(data), Doubles);
}
Doubles larger(Doubles a, Doubles b) { return a > b ? a : b; }
Doubles smaller(Doubles a, Doubles b) { return a < b ? a : b; }
/// One bit for each lane of a mask.
unsigned bits_of(Words mask) { return static_cast<unsigned>((mask[0] & 1) | (mask[1] & 2)); }

/// Lane i has what lane i ^ Distance had.
template <std::size_t Distance>
Doubles exchanged(Doubles v) {
  return Doubles{v[1], v[0]};
}

#include "match/kernels_body.inc"

#include "match/element_sums.inc"

#include "match/fused_product.inc"

void widen_half(const std::byte* from, std::size_t n, float* to) {
  for (std::size_t i = 0; i < n; ++i) to[i] = half_value(from + 2 * i);
}

constexpr Kernels kTable = {"generic",       survey,       best,    first_worth,  best_two,
                            best_two_listed, peaks,        collect, relax,        multiply,
                            widen_half,      widen_bfloat, add_dot, add_products, add_distances};

}  // namespace generic

#ifdef MGIT_X86_KERNELS

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
namespace avx2 {

constexpr std::size_t kLanes = 4;
using Doubles = double __attribute__((vector_size(kLanes * 8), aligned(8), may_alias));
using Words = long long __attribute__((vector_size(kLanes * 8), aligned(8), may_alias));

Doubles widened(const float* data) { return _mm256_cvtps_pd(_mm_loadu_ps(data)); }
Doubles larger(Doubles a, Doubles b) { return _mm256_max_pd(a, b); }
Doubles smaller(Doubles a, Doubles b) { return _mm256_min_pd(a, b); }
unsigned bits_of(Words mask) {
  return static_cast<unsigned>(_mm256_movemask_pd(reinterpret_cast<__m256d>(mask)));
}
template <std::size_t Distance>
Doubles exchanged(Doubles v) {
  if constexpr (Distance == 2) return _mm256_permute2f128_pd(v, v, 1);
  return _mm256_permute_pd(v, 0b0101);
}

#include "match/kernels_body.inc"

#include "match/element_sums.inc"

/// 6 x 16 of the panel: twelve sums, two columns of the right operand, one broadcast.
void quarter(const float* left, const float* right, std::size_t k, float* out) {
  __m256 sum[6][2];
#pragma GCC unroll 6
  for (std::size_t i = 0; i < 6; ++i) sum[i][0] = sum[i][1] = _mm256_setzero_ps();
  for (std::size_t step = 0; step < k; ++step) {
    const __m256 low = _mm256_loadu_ps(right + step * kRightPanel);
    const __m256 high = _mm256_loadu_ps(right + step * kRightPanel + 8);
#pragma GCC unroll 6
    for (std::size_t i = 0; i < 6; ++i) {
      const __m256 factor = _mm256_broadcast_ss(left + step * kLeftPanel + i);
      sum[i][0] = _mm256_fmadd_ps(factor, low, sum[i][0]);
      sum[i][1] = _mm256_fmadd_ps(factor, high, sum[i][1]);
    }
  }
#pragma GCC unroll 6
  for (std::size_t i = 0; i < 6; ++i) {
    _mm256_storeu_ps(out + i * kRightPanel, sum[i][0]);
    _mm256_storeu_ps(out + i * kRightPanel + 8, sum[i][1]);
  }
}

void multiply(const float* left, const float* right, std::size_t k, float* out) {
  for (std::size_t i = 0; i < kLeftPanel; i += 6)
    for (std::size_t j = 0; j < kRightPanel; j += 16)
      quarter(left + i, right + j, k, out + i * kRightPanel + j);
}

void widen_half(const std::byte* from, std::size_t n, float* to) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(
        to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * i))));
  for (; i < n; ++i) to[i] = half_value(from + 2 * i);
}

constexpr Kernels kTable = {"avx2",          survey,       best,    first_worth,  best_two,
                            best_two_listed, peaks,        collect, relax,        multiply,
                            widen_half,      widen_bfloat, add_dot, add_products, add_distances};

}  // namespace avx2
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx2,fma,f16c")
namespace avx512 {

constexpr std::size_t kLanes = 8;
using Doubles = double __attribute__((vector_size(kLanes * 8), aligned(8), may_alias));
using Words = long long __attribute__((vector_size(kLanes * 8), aligned(8), may_alias));

// The forms with masks: gcc 12 warns of the others (GCC bug 105593).
Doubles widened(const float* data) { return _mm512_maskz_cvtps_pd(0xff, _mm256_loadu_ps(data)); }
Doubles larger(Doubles a, Doubles b) { return _mm512_maskz_max_pd(0xff, a, b); }
Doubles smaller(Doubles a, Doubles b) { return _mm512_maskz_min_pd(0xff, a, b); }
unsigned bits_of(Words mask) { return _mm512_movepi64_mask(reinterpret_cast<__m512i>(mask)); }
template <std::size_t Distance>
Doubles exchanged(Doubles v) {
  if constexpr (Distance == 4) return _mm512_maskz_shuffle_f64x2(0xff, v, v, 0b01001110);
  if constexpr (Distance == 2) return _mm512_maskz_shuffle_f64x2(0xff, v, v, 0b10110001);
  return _mm512_maskz_permute_pd(0xff, v, 0b01010101);
}

#include "match/kernels_body.inc"

#include "match/element_sums.inc"

void multiply(const float* left, const float* right, std::size_t k, float* out) {
  __m512 sum[kLeftPanel][2];
#pragma GCC unroll 12
  for (std::size_t i = 0; i < kLeftPanel; ++i) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
  for (std::size_t step = 0; step < k; ++step) {
    const __m512 low = _mm512_loadu_ps(right + step * kRightPanel);
    const __m512 high = _mm512_loadu_ps(right + step * kRightPanel + 16);
#pragma GCC unroll 12
    for (std::size_t i = 0; i < kLeftPanel; ++i) {
      const __m512 factor = _mm512_set1_ps(left[step * kLeftPanel + i]);
      sum[i][0] = _mm512_fmadd_ps(factor, low, sum[i][0]);
      sum[i][1] = _mm512_fmadd_ps(factor, high, sum[i][1]);
    }
  }
#pragma GCC unroll 12
  for (std::size_t i = 0; i < kLeftPanel; ++i) {
    _mm512_storeu_ps(out + i * kRightPanel, sum[i][0]);
    _mm512_storeu_ps(out + i * kRightPanel + 16, sum[i][1]);
  }
}

void widen_half(const std::byte* from, std::size_t n, float* to) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps(
        to + i, _mm512_maskz_cvtph_ps(
                    0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 2 * i))));
  for (; i < n; ++i) to[i] = half_value(from + 2 * i);
}

constexpr Kernels kTable = {"avx512",        survey,       best,    first_worth,  best_two,
                            best_two_listed, peaks,        collect, relax,        multiply,
                            widen_half,      widen_bfloat, add_dot, add_products, add_distances};

}  // namespace avx512
#pragma GCC pop_options

#endif

}  // namespace

std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> all = {&generic::kTable};
#ifdef MGIT_X86_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c"))
    all.push_back(&avx2::kTable);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    all.push_back(&avx512::kTable);
#endif
  return all;
}

const Kernels& kernels() {
  static const Kernels& best = *all_kernels().back();
  return best;
}

}  // namespace mgit
