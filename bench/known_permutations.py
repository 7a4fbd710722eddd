#!/usr/bin/env python3
"""Known permutations: a network with random weights, shuffled and with noise added, is matched with
what it was. How many come back exactly, by the plain algorithm (tools/reference.py of the shared
folder) and by mgit's methods.

    bench/known_permutations.py [--binary build/bin/bench_match] [--data ../shared] [--trials 100]

Runs under a Python with numpy, scipy, torch and safetensors: MGIT_PYTHON if that is set, else this
one. `residual` is the network of samuela/git-re-basin#8: two blocks on a stream that is both input
and output, everything normally distributed. Noise is in standard deviations of the weights."""
import json
import pathlib
import subprocess
import tempfile

from peer_options import peer_options

# Of each tensor: its axes, a group and a size each; "_": fixed.
def plain(width):
    layers = [("_", 50), ("P1", width), ("P2", width), ("P3", width), ("_", 10)]
    tensors = {}
    for i, (before, after) in enumerate(zip(layers, layers[1:]), 1):
        tensors[f"fc{i}.weight"] = [after, before]
        if after[0] != "_":
            tensors[f"fc{i}.bias"] = [after]
    return tensors


def vgg(width):
    channels = [("_", 3), ("P1", width), ("P2", 2 * width), ("P3", 4 * width), ("P4", 4 * width)]
    tensors = {}
    for i, (before, after) in enumerate(zip(channels, channels[1:]), 1):
        tensors[f"conv{i}.weight"] = [after, before, ("_", 3), ("_", 3)]
        tensors[f"norm{i}.weight"] = tensors[f"norm{i}.bias"] = [after]
    tensors["fc.weight"] = [("_", 10), channels[-1]]
    return tensors


def residual(stream, inner):
    tensors = {}
    for i, (before, after) in enumerate(
        [(("S", stream), ("I", inner)), (("I", inner), ("S", stream)), (("S", stream), ("J", inner)), (("J", inner), ("S", stream))], 1
    ):
        tensors[f"fc{i}.weight"] = [after, before]
        tensors[f"fc{i}.bias"] = [after]
    return tensors


NETWORKS = [
    ("plain 3 x 64", plain(64)),
    ("convolutions 16, 32, 64, 64", vgg(16)),
    ("residual 10, 20", residual(10, 20)),
    ("residual 32, 64", residual(32, 64)),
    ("residual 64, 128", residual(64, 128)),
]


def spec_text(tensors):
    groups = sorted({name for axes in tensors.values() for name, _ in axes if name != "_"})
    lines = ["mgit-perm 1"] + [f"perm {g}" for g in groups]
    return "\n".join(lines + [f"{t}: {', '.join(g for g, _ in axes)}" for t, axes in tensors.items()]) + "\n"


def main():
    options = peer_options(__doc__, trials={"type": int, "default": 100})
    import numpy as np
    import reference
    import torch
    from safetensors.torch import save_file

    def recovered(found, planted):
        # The planted order makes unit i what was unit planted[i]; found undoes it.
        return all((np.asarray(planted[g])[np.asarray(found[g])] == np.arange(len(planted[g]))).all() for g in planted)

    def plain_runs(a, b, axes, planted, runs):
        best = max((reference.match(a, b, axes, seed) for seed in range(runs)), key=lambda run: run[1])
        return recovered(best[0], planted)

    def ours(files, method, restarts, planted):
        command = [options.binary, "order", files["a"], files["b"], method, 0, restarts, files["spec"]]
        out = subprocess.run([str(c) for c in command], check=True, capture_output=True).stdout
        return recovered(json.loads(out)["groups"], planted)

    columns = ["plain", "best of 10", "weights, no restart", "**weights**", "frank-wolfe"]
    print(f"| network | noise | {' | '.join(columns)} |\n| --- | --- |{' --- |' * len(columns)}")
    with tempfile.TemporaryDirectory() as folder:
        files = {name: pathlib.Path(folder) / name for name in ("a", "b", "spec")}
        files |= {name: files[name].with_suffix(".safetensors") for name in ("a", "b")}
        for name, tensors in NETWORKS:
            files["spec"].write_text(spec_text(tensors))
            axes = {t: [(i, g, 1) for i, (g, _) in enumerate(of) if g != "_"] for t, of in tensors.items()}
            sizes = {g: n for of in tensors.values() for g, n in of if g != "_"}
            for noise in (0, 0.5):
                found = dict.fromkeys(columns, 0)
                for seed in range(options.trials):
                    random = np.random.default_rng(seed)
                    planted = {g: random.permutation(n) for g, n in sizes.items()}
                    normal = lambda of: random.standard_normal([n for _, n in of]).astype(np.float32)
                    a = {t: normal(of) for t, of in tensors.items()}
                    b = {t: reference.permuted(w, axes[t], planted) + np.float32(noise) * normal(tensors[t]) for t, w in a.items()}
                    a, b = ({t: torch.tensor(np.ascontiguousarray(w)) for t, w in m.items()} for m in (a, b))
                    save_file(a, files["a"])
                    save_file(b, files["b"])
                    found["plain"] += plain_runs(a, b, axes, planted, 1)
                    found["best of 10"] += plain_runs(a, b, axes, planted, 10)
                    found["weights, no restart"] += ours(files, "weights", 0, planted)
                    found["**weights**"] += ours(files, "weights", -1, planted)
                    found["frank-wolfe"] += ours(files, "frank-wolfe", -1, planted)
                print(f"| {name} | {noise or 'none'} | {' | '.join(str(found[c]) for c in columns)} |", flush=True)


if __name__ == "__main__":
    main()
