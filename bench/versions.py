#!/usr/bin/env python3
"""What a new version of a checkpoint costs, as mgit stores it and as xor + planes + zstd -3 would.

    bench/versions.py MGIT BEFORE.safetensors AFTER.safetensors [BEFORE AFTER ...]

Needs numpy and zstandard. Prints sizes as shares of the file, and the ratio of the two.
"""
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile

import numpy
import zstandard

WORD = {"F64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2}


def tensors(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        yield name, WORD.get(entry["dtype"], 1), data[8 + length + begin:8 + length + end]


def xor_planes_zstd(before, after):
    old = {name: data for name, _, data in tensors(before)}
    total = 0
    coder = zstandard.ZstdCompressor(level=3)
    for name, word, data in tensors(after):
        if old.get(name) == data:
            continue
        words = numpy.frombuffer(data, numpy.uint8).reshape(-1, word)
        if len(old.get(name, b"")) == len(data):
            words = words ^ numpy.frombuffer(old[name], numpy.uint8).reshape(-1, word)
        for plane in range(word):
            column = numpy.ascontiguousarray(words[:, plane]).tobytes()
            total += min(len(column), len(coder.compress(column)))
    return total


def stored(repository):
    packs = os.path.join(repository, ".git/mgit/packs")
    return sum(os.path.getsize(os.path.join(packs, name)) for name in os.listdir(packs))


def mgit_growth(mgit, before, after):
    """Bytes the store grows by, and CPU seconds of the second add."""
    with tempfile.TemporaryDirectory() as repository:
        def run(*command):
            subprocess.run(command, cwd=repository, check=True, stdout=subprocess.DEVNULL)
        run(mgit, "init", "-q")
        sizes = []
        for source in (before, after):
            data = open(source, "rb").read()
            with open(os.path.join(repository, "model.safetensors"), "wb") as file:
                file.write(data)
            start = resource.getrusage(resource.RUSAGE_CHILDREN)
            run(mgit, "add", "model.safetensors")
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            run("git", "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "x")
            sizes.append(stored(repository))
        run(mgit, "fsck")
        cpu = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
        return sizes[1] - sizes[0], sizes[0], cpu


def main():
    mgit = os.path.abspath(sys.argv[1])
    print(f"{'after':32} {'first':>7} {'xor':>7} {'mgit':>7} {'ratio':>6} {'add, CPU s':>10}")
    for before, after in zip(sys.argv[2::2], sys.argv[3::2]):
        size = os.path.getsize(after)
        other = xor_planes_zstd(before, after)
        grown, first, cpu = mgit_growth(mgit, os.path.abspath(before), os.path.abspath(after))
        print(f"{os.path.basename(after):32} {first / size:7.4f} {other / size:7.4f} "
              f"{grown / size:7.4f} {grown / max(other, 1):6.3f} {cpu:10.2f}")


main()
