"""Storing checkpoints: mgit beside other tools and beside the limits, on the same files in one run.

    store.py [--mb N] [--versions N] [--json FILE] PEER...        PEER: git, git-lfs, dvc, git-theta

Prints CPU seconds (user and system, of all processes), wall seconds, growth of the repository and the largest
process, for adding and committing each version of one checkpoint and for checking it out again. The versions follow
each other, so later ones may use what earlier ones left. Needs NumPy. bench_store.sh installs the tools.
"""
import argparse
import itertools
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

LAYERS = 62  # of weight and bias each: 124 tensors


def network(megabytes, seed=1):
    """A deep MLP as training leaves them: each layer has its scale, each unit its own within it."""
    rng = np.random.default_rng(seed)
    width = int((megabytes * 1e6 / 4 / LAYERS) ** 0.5)
    tensors = {}
    for layer in range(1, LAYERS + 1):
        scale = rng.lognormal(-3.5, 0.5) * rng.lognormal(0, 0.3, size=(width, 1))
        tensors[f"fc{layer}.weight"] = (rng.standard_normal((width, width)) * scale).astype(np.float32)
        tensors[f"fc{layer}.bias"] = (rng.standard_normal(width) * 0.01).astype(np.float32)
    return tensors


def permuted(tensors, rng):
    """The same function with the units of every hidden layer in another order."""
    result, before = {}, None
    for layer in range(1, LAYERS + 1):
        weight, bias = tensors[f"fc{layer}.weight"], tensors[f"fc{layer}.bias"]
        after = rng.permutation(len(bias)) if layer < LAYERS else np.arange(len(bias))
        if before is not None:
            weight = weight[:, before]
        result[f"fc{layer}.weight"], result[f"fc{layer}.bias"] = weight[after], bias[after]
        before = after
    return result


def trained(tensors, rng, share, rate):
    """Small steps on `share` of the tensors, most steps far smaller than the largest."""
    chosen = set(rng.choice(list(tensors), max(1, round(share * len(tensors))), replace=False))
    def step(tensor):
        noise = rng.standard_normal(tensor.shape).astype(np.float32)
        return tensor + np.float32(rate) * noise * np.abs(noise) * np.abs(tensor).mean()
    return {name: step(t) if name in chosen else t for name, t in tensors.items()}


def save(path, tensors, metadata=None):
    header, end = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, end + tensor.nbytes]}
        end += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            tensor.tofile(file)


def versions(megabytes):
    """(title, writer), in the order they are committed."""
    rng = np.random.default_rng(2)
    first = network(megabytes)
    reordered = dict(reversed(first.items()))
    yield "first version", lambda path: save(path, first)
    yield "same again", lambda path: save(path, first)
    yield "header changed", lambda path: save(path, first, {"format": "pt", "epoch": "2"})
    yield "tensors reordered", lambda path: save(path, reordered)
    yield "units permuted", lambda path: save(path, permuted(first, rng))
    yield "16 % trained", lambda path: save(path, trained(first, rng, 0.16, 1e-3))
    yield "all fine-tuned", lambda path: save(path, trained(first, rng, 1, 1e-3))


class Tool:
    """One way to keep checkpoints. `add` and `checkout` are what is timed."""
    def __init__(self, name, prepare, add, checkout):
        self.name, self.prepare, self.add, self.checkout = name, prepare, add, checkout


FILE = "model.safetensors"
COMMIT = "git commit -q --allow-empty -m version"
TOOLS = {tool.name: tool for tool in [
    Tool("mgit", "mgit init -q .", f"mgit add {FILE} && {COMMIT}", f"mgit checkout -- {FILE}"),
    Tool("git", "git init -q .", f"git add {FILE} && {COMMIT}", f"git checkout -q -- {FILE}"),
    Tool("git-lfs", f"git init -q . && git lfs install --local >&2 && git lfs track '{FILE}' >&2",
         f"git add {FILE} && {COMMIT}", f"git checkout -q -- {FILE}"),
    Tool("dvc", "git init -q . && dvc init -q", f"dvc add -q {FILE} && git add {FILE}.dvc && {COMMIT}",
         f"dvc checkout -q {FILE}"),
    Tool("git-theta", f"git init -q . && git lfs install >&2 && git theta install && git theta track {FILE}",
         f"git add {FILE} && {COMMIT}", f"git checkout -q -- {FILE}"),
]}
PROBES = {"git-lfs": "git lfs version", "git-theta": "git-theta --help"}


def shell(command, directory, log):
    """Runs it; (CPU seconds of all its processes, wall seconds, MB of the largest process), or None if it failed."""
    with tempfile.NamedTemporaryFile("r") as times:  # time(1), as our own size would count as a child's
        done = subprocess.run(["/usr/bin/time", "-q", "-o", times.name, "-f", "%e %U %S %M", "sh", "-c", command],
                              cwd=directory, stdout=log, stderr=log)
        wall, user, system, peak = map(float, times.read().split())
    if done.returncode != 0:
        return None
    return {"cpu": user + system, "wall": wall, "peak_mb": peak / 1024}


def bytes_below(directory):
    return sum(os.lstat(os.path.join(place, name)).st_blocks * 512
               for place, _, names in os.walk(directory) for name in names)


def stored(directory):
    """Bytes of everything but the working file itself."""
    return bytes_below(directory) - os.lstat(os.path.join(directory, FILE)).st_blocks * 512


def limits(path, log):
    copy = path + ".copy"
    result = {"sha256": shell(f"openssl dgst -sha256 '{path}'", ".", log),
              "copy": shell(f"cp '{path}' '{copy}' && sync '{copy}'", ".", log)}
    os.remove(copy)
    return result


def measure(tool, directory, source, log):
    target = os.path.join(directory, FILE)
    shutil.copyfile(source, target)
    before = stored(directory)
    time.sleep(1.1)  # git reads a file twice that is as young as its index; checkpoints are older
    row = {"add": shell(tool.add, directory, log)}
    if row["add"] is None:
        return {"add": None, "refused": True}
    row["grown_mb"] = (stored(directory) - before) / 1e6
    os.remove(target)
    row["checkout"] = shell(tool.checkout, directory, log)
    with open(source, "rb") as a, open(target, "rb") as b:
        row["exact"] = all(x == y for x, y in zip(iter(lambda: a.read(1 << 20), b""),
                                                   iter(lambda: b.read(1 << 20), b"")))
    row["exact"] = row["exact"] and os.path.getsize(source) == os.path.getsize(target)
    return row


def environment(home):
    os.environ.update(HOME=home, GIT_CONFIG_GLOBAL=home + "/.gitconfig", GIT_CONFIG_NOSYSTEM="1",
                      GIT_THETA_CHECKPOINT_TYPE="safetensors", DVC_NO_ANALYTICS="1")
    with open(home + "/.gitconfig", "w") as file:
        file.write("[user]\n\tname = bench\n\temail = bench@example.com\n[init]\n\tdefaultBranch = main\n")


def prepared(names, root, log):
    """The tools that are here, each with its repository."""
    present = {}
    for name in ["mgit", *names]:
        probe = PROBES.get(name, f"{name} --version")
        if shell(probe, root, log) is None:
            print(f"absent: {name}", file=sys.stderr)
            continue
        directory = os.path.join(root, name)
        os.makedirs(directory)
        if shell(TOOLS[name].prepare, directory, log) is None:
            print(f"could not be set up: {name}", file=sys.stderr)
            continue
        shell(f"git add -A && {COMMIT}", directory, log)
        present[name] = directory
    return present


def print_row(title, name, row, base):
    if row["add"] is None:
        print(f"{title:18} {name:10} refused")
        return
    ratio = row["add"]["cpu"] / base if base else float("nan")
    checkout = row["checkout"] or {"cpu": float("nan"), "wall": float("nan")}
    print(f"{title:18} {name:10} {row['add']['cpu']:8.2f} {row['add']['wall']:8.2f} {ratio:7.1f} "
          f"{row['grown_mb']:9.2f} {row['add']['peak_mb']:8.0f}   {checkout['cpu']:8.2f} {checkout['wall']:8.2f}"
          f"   {'' if row['exact'] else 'NOT EXACT'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=int, default=240)
    parser.add_argument("--versions", type=int, help="only the first so many")
    parser.add_argument("--json")
    parser.add_argument("--directory", help="where to work; a new folder below it is removed at the end")
    parser.add_argument("peers", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as root, open(os.path.join(root, "log"), "w+") as log:
        environment(root)
        present = prepared(options.peers, root, log)
        source, results = os.path.join(root, "source"), []
        print(f"{'version':18} {'tool':10} {'add CPU':>8} {'wall':>8} {'/sha256':>7} {'grown MB':>9} {'peak MB':>8}   "
              f"{'out CPU':>8} {'wall':>8}")
        for title, write in itertools.islice(versions(options.mb), options.versions):
            write(source)
            limit = limits(source, log)
            print(f"{title:18} {'sha256':10} {limit['sha256']['cpu']:8.2f} {limit['sha256']['wall']:8.2f}")
            print(f"{title:18} {'copy':10} {limit['copy']['cpu']:8.2f} {limit['copy']['wall']:8.2f}")
            rows = {}
            for name in present:
                rows[name] = measure(TOOLS[name], present[name], source, log)
                print_row(title, name, rows[name], limit["sha256"]["cpu"])
                sys.stdout.flush()
            results.append({"version": title, "mb": options.mb, "limits": limit, "tools": rows})
        if options.json:
            with open(options.json, "w") as file:
                json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
