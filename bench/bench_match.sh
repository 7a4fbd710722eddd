#!/bin/bash
# Matching by itself: the similarity product and, where MGIT_DATA has them, pairs of real networks.
# bench/match.py compares with peers, under a Python that has them.
set -euo pipefail
cd "$(dirname "$0")/.."
program=build/bin/bench_match
data=${MGIT_DATA:-../shared}
for size in "512 784" "2048 2048"; do
  echo "gemm $size: $("$program" gemm $size)"
done
for pair in mlp-s1,mlp-s2 vgg-s1,vgg-s2 mnistresnet64-s1,mnistresnet64-s2; do
  a=$data/models/${pair%,*}.safetensors b=$data/models/${pair#*,}.safetensors
  [ -e "$a" ] && [ -e "$b" ] || continue
  echo "pair $pair: $("$program" pair "$a" "$b" weights 0 -1)"
done
