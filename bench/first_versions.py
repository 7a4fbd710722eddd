#!/usr/bin/env python3
"""First versions of checkpoints: mgit's coder beside ZipNN's, both with one thread.

    bench/first_versions.py BENCH_CODING FILE.safetensors...

BENCH_CODING is build/bin/bench_coding (-DMGIT_BENCH=ON). Needs zipnn (0.5.4 was tried). ZipNN is told the
dtype of most of a file. Sizes are shares of the tensors' bytes; speeds are GB per CPU second, the
best of several.
"""
import json
import re
import struct
import subprocess
import sys
import time

import zipnn

NAMES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
ROUNDS = 5


def tensor_bytes(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    dtypes = [entry["dtype"] for entry in header.values()]
    return max(NAMES, key=dtypes.count), data[8 + length:]


def best_time(action):
    """CPU seconds and the result."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        result = action()
        times.append(time.process_time() - begin)
    return min(times), result


def zipnn_figures(path):
    dtype, data = tensor_bytes(path)
    # It may change what it is given.
    coder = zipnn.ZipNN(input_format="byte", bytearray_dtype=NAMES[dtype], threads=1)
    encoding, coded = best_time(lambda: coder.compress(bytearray(data)))
    decoding, back = best_time(lambda: coder.decompress(coded))
    assert bytes(back) == data
    return dtype, len(coded) / len(data), len(data) / encoding / 1e9, len(data) / decoding / 1e9


def mgit_figures(coding, path):
    line = subprocess.run([coding, path], check=True, capture_output=True, text=True).stdout
    share, preparing, encoding, decoding = map(
        float, re.search(r"([\d.]+) of raw.*prepare +([\d.]+) encode +([\d.]+) decode +([\d.]+)",
                         line).groups())
    return share, 1 / (1 / preparing + 1 / encoding), decoding


def main():
    coding = sys.argv[1]
    print(f"{'':6} {'size':>20} {'compress, GB/s':>22} {'decompress, GB/s':>22}")
    print(f"{'':6} {'mgit  ZipNN  ratio':>20} {'mgit  ZipNN  ratio':>22} {'mgit  ZipNN  ratio':>22}")
    for path in sys.argv[2:]:
        dtype, other, other_encoding, other_decoding = zipnn_figures(path)
        share, encoding, decoding = mgit_figures(coding, path)
        print(f"{dtype:6} {share:.4f} {other:.4f} {share / other:6.3f}"
              f"   {encoding:6.2f} {other_encoding:6.2f} {encoding / other_encoding:6.2f}"
              f"   {decoding:6.2f} {other_decoding:6.2f} {decoding / other_decoding:6.2f}  {path}")


main()
