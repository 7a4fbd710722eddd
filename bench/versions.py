#!/usr/bin/env python3
"""What a new version of a checkpoint costs, as mgit stores it and as xor + planes + zstd -3 would.

    bench/versions.py MGIT BEFORE.safetensors AFTER.safetensors [BEFORE AFTER ...]

Needs numpy and zstandard. Prints sizes as shares of the file, by default and after mgit gc --best, and
their ratios to the last. All tensors that differ count, also those that nothing can be done about.
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
    """Bytes the store grows by, with and without gc --best; CPU seconds of the second add and of gc."""
    with tempfile.TemporaryDirectory() as repository:
        def run(*command):
            subprocess.run(command, cwd=repository, check=True, stdout=subprocess.DEVNULL)
        def cpu(*command):
            start = resource.getrusage(resource.RUSAGE_CHILDREN)
            run(*command)
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
        run(mgit, "init", "-q")
        sizes = []
        for source in (before, after):
            data = open(source, "rb").read()
            with open(os.path.join(repository, "model.safetensors"), "wb") as file:
                file.write(data)
            adding = cpu(mgit, "add", "model.safetensors")
            run("git", "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "x")
            sizes.append(stored(repository))
        collecting = cpu(mgit, "gc", "--best", "-q")
        run(mgit, "fsck")
        return sizes[1] - sizes[0], stored(repository) - sizes[0], sizes[0], adding, collecting


def main():
    mgit = os.path.abspath(sys.argv[1])
    print(f"{'after':26} {'first':>6} {'xor':>6} {'mgit':>6} {'ratio':>6} {'best':>6} {'ratio':>6} "
          f"{'add, CPU s':>10} {'gc, CPU s':>9}")
    for before, after in zip(sys.argv[2::2], sys.argv[3::2]):
        size = os.path.getsize(after)
        other = xor_planes_zstd(before, after)
        grown, best, first, adding, collecting = mgit_growth(
            mgit, os.path.abspath(before), os.path.abspath(after))
        print(f"{os.path.basename(after):26} {first / size:6.4f} {other / size:6.4f} "
              f"{grown / size:6.4f} {grown / max(other, 1):6.3f} "
              f"{best / size:6.4f} {best / max(other, 1):6.3f} {adding:10.2f} {collecting:9.2f}")


main()
