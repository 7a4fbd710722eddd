#!/usr/bin/env python3
"""Matching of large models: time and memory of `mgit match` on U-Nets of Stable Diffusion's shape
(0.86 billion parameters, F16), as diffusers names them, with random weights.

    bench/large.py [--binary build/bin/mgit] [--folder DIR] [--width 1] [--noise 0.5] [--near 0.1]

Writes three models into DIR (a temporary folder that is removed, unless given; 5.2 GB at width 1):
one, the same shuffled with noise, and the same with a little noise. Noise is in standard deviations
of the weights. `reading` is the time to read both files, one after the other; cold files are read
from the disk, warm ones from the page cache. Memory: the largest that was seen, all of it (pages of
mapped files as well) and the anonymous part, sampled. Runs under a Python with numpy, torch and
diffusers: MGIT_PYTHON if that is set, else this one."""
import argparse
import json
import os
import pathlib
import re
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
GROUPS, HEADS = 32, 8


def network(width):
    """Its config, and names and shapes of its tensors."""
    import torch
    from diffusers import UNet2DConditionModel

    step = GROUPS * HEADS // 8
    channels = [max(step, round(c * width / step) * step) for c in (320, 640, 1280, 1280)]
    with torch.device("meta"):
        net = UNet2DConditionModel(block_out_channels=channels, cross_attention_dim=768, attention_head_dim=HEADS)
    config = {k: v for k, v in net.config.items() if not k.startswith("_") or k == "_class_name"}
    return dict(config, _class_name="UNet2DConditionModel"), {n: list(t.shape) for n, t in sorted(net.state_dict().items())}


class Shuffle:
    """A random order of everything that specs/stable-diffusion.perm lets move."""

    def __init__(self, seed):
        import numpy as np

        self.random = np.random.default_rng(seed)
        self.orders = {}

    def order(self, key, n, blocks=1):
        """Of n units; blocks of them move as wholes, and units inside of each."""
        if key not in self.orders:
            inner = n // blocks
            self.orders[key] = [
                block * inner + unit for block in self.blocks(key, blocks) for unit in self.random.permutation(inner)
            ]
        return self.orders[key]

    def blocks(self, key, blocks):
        # Queries and values of one attention have their heads in one order.
        key = ("blocks", key[:-1])
        if key not in self.orders:
            self.orders[key] = self.random.permutation(blocks) if blocks > 1 else [0]
        return self.orders[key]

    def axes(self, name, shape):
        """An order for each axis; None: it stays."""
        if name.startswith("time_embedding"):
            layer = name.split(".")[1]
            first = self.order(("time", layer), shape[0])
            return [first, self.order(("time", "linear_1"), shape[1]) if layer == "linear_2" and len(shape) > 1 else None]
        if block := re.match(r"(.*resnets\.\d+)\.(.*)", name):
            place, part = block.groups()
            if part.startswith(("conv1", "norm2", "time_emb_proj")):
                time = part == "time_emb_proj.weight"
                return [self.order((place, "units"), shape[0], GROUPS), self.order(("time", "linear_2"), shape[1]) if time else None]
            return [None, self.order((place, "units"), shape[1], GROUPS)] if part == "conv2.weight" else [None, None]
        if not (block := re.match(r"(.*attentions\.\d+)\.(.*)", name)) or block[2].startswith("norm"):
            return [None, None]
        place, part = block.groups()
        stream = (place, "stream")
        if part.startswith("proj"):
            if part == "proj_out.weight":
                return [None, self.order(stream, shape[1])]
            return [self.order(stream, shape[0]) if part.startswith("proj_in") else None, None]
        layer, part = re.match(r"transformer_blocks\.(\d+)\.(.*)", part).groups()
        if part.startswith("ff.net.0"):
            half = self.order((place, layer, "ff"), shape[0] // 2)
            return [half + [u + len(half) for u in half], self.order(stream, shape[1]) if len(shape) > 1 else None]
        if part == "ff.net.2.weight":
            return [self.order(stream, shape[0]), self.order((place, layer, "ff"), shape[1])]
        if part.startswith(("norm", "ff")) or part.endswith("to_out.0.bias"):
            return [self.order(stream, shape[0]), None]
        attention, part = part.split(".", 1)
        kind = "query" if part in ("to_q.weight", "to_k.weight") else "value"
        heads = (place, layer, attention, kind)
        if part == "to_out.0.weight":
            return [self.order(stream, shape[0]), self.order(heads, shape[1], HEADS)]
        text = attention == "attn2" and part != "to_q.weight"
        return [self.order(heads, shape[0], HEADS), None if text else self.order(stream, shape[1])]


def write_models(folder, width, noise, near):
    """a, shuffled, near; one tensor at a time."""
    import numpy as np

    config, shapes = network(width)
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    paths = {kind: folder / kind / "diffusion_pytorch_model.safetensors" for kind in ("a", "shuffled", "near")}
    for path in paths.values():
        path.parent.mkdir()
        (path.parent / "config.json").write_text(json.dumps(config))
    random, shuffle = np.random.default_rng(0), Shuffle(1)
    files = {kind: open(path, "wb") for kind, path in paths.items()}
    for file in files.values():
        file.write(struct.pack("<Q", len(text)) + text)
    for name, shape in shapes.items():
        spread = 0.1 if len(shape) == 1 else float(np.prod(shape[1:])) ** -0.5
        normal = lambda: random.standard_normal(shape, np.float32) * np.float32(spread)
        weights = normal() + np.float32(len(shape) == 1 and name.endswith("weight"))
        files["a"].write(weights.astype(np.float16).tobytes())
        files["near"].write((weights + near * normal()).astype(np.float16).tobytes())
        shuffled = weights + noise * normal()
        for axis, order in enumerate(shuffle.axes(name, shape)):
            if order is not None:
                shuffled = np.take(shuffled, order, axis)
        files["shuffled"].write(shuffled.astype(np.float16).tobytes())
    for file in files.values():
        file.close()
    return paths


def forget(files):
    """Not in the page cache any more."""
    for file in files:
        with open(file, "rb") as handle:
            os.fsync(handle.fileno())
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(files):
    """Seconds."""
    start = time.monotonic()
    buffer = bytearray(1 << 22)
    for file in files:
        with open(file, "rb", buffering=0) as handle:
            while handle.readinto(buffer):
                pass
    return time.monotonic() - start


def run(command):
    """Seconds, CPU seconds, MB at most, anonymous MB at most, what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    child = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True)
    most = {"VmHWM": 0, "RssAnon": 0}

    def watch():
        while child.poll() is None:
            try:
                for line in open(f"/proc/{child.pid}/status"):
                    field = line.split(":")[0]
                    if field in most:
                        most[field] = max(most[field], int(line.split()[1]))
            except OSError:
                return
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output = child.stdout.read()
    if child.wait() != 0:
        sys.exit(f"failed: {command}")
    seconds = time.monotonic() - start
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, most["VmHWM"] / 1024, most["RssAnon"] / 1024, output


def main():
    wanted = os.environ.get("MGIT_PYTHON")
    if wanted and wanted != sys.executable:
        os.execv(wanted, [wanted, *sys.argv])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/bin/mgit")
    parser.add_argument("--folder", type=pathlib.Path, help="with the models; they are made if it is not there")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--noise", type=float, default=0.5)
    parser.add_argument("--near", type=float, default=0.1)
    parser.add_argument("--only", choices=["near", "shuffled"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or pathlib.Path(temporary)
        if options.folder is None or not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_models(folder, options.width, options.noise, options.near)
        model = lambda kind: folder / kind / "diffusion_pytorch_model.safetensors"
        print(f"one model: {model('a').stat().st_size / 2**20:.0f} MB")
        print("| B | reading, s | match, s | CPU s | memory, MB | anonymous, MB | moved | objective |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for kind in [options.only] if options.only else ["near", "shuffled"]:
            files = [model("a"), model(kind)]
            for cold in [True, False] if kind == "near" else [False]:
                prepare = forget if cold else read
                prepare(files)
                reading = read(files)
                prepare(files)
                seconds, cpu, memory, anonymous, output = run([options.binary, "match", *files, "--json"])
                found = json.loads(output)
                print(
                    f"| {kind}, {'cold' if cold else 'warm'} | {reading:.1f} | {seconds:.1f} | {cpu:.1f} | {memory:.0f} "
                    f"| {anonymous:.0f} | {found['moved']} of {found['units']} "
                    f"| {found['objective_before']:.1f} -> {found['objective_after']:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
