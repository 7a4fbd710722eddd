#!/usr/bin/env python3
"""Weight matching against the plain NumPy algorithm (tools/reference.py of the shared folder), on the
same inputs in one run, in turns: objectives, beside the best of ten plain runs (seeds 0 to 9), and
CPU time of matching alone. The assignment solver by itself: bench/assignment.py.

    bench/match.py [--binary build/bin/bench_match] [--data ../shared] [--rounds 3]
    bench/match.py --files KIND A B        two files of the reference's kind instead

Runs under a Python with numpy, scipy, torch and safetensors: MGIT_PYTHON if that is set, else this
one. Ratios, of CPU time and in the last columns by the clock: above 1 is faster than the peer's run
with seed 0. Both use all cores; set OMP_NUM_THREADS=1 and MGIT_THREADS=1 to compare one core with one core."""
import json
import pathlib
import subprocess
import tempfile
import time

from peer_options import peer_options

PAIRS = [
    ("mlp", "mlp-s1", "mlp-s2"),
    *(("mlp", f"mlp-s1-e{epoch}", f"mlp-s2-e{epoch}") for epoch in (0, 1, 2, 4, 8)),
    ("mlpbias", "mlpbias-s10", "mlpbias-s11"),
    ("vgg", "vgg-s1", "vgg-s2"),
    ("mnistresnet", "mnistresnet-s1", "mnistresnet-s2"),
    ("mnistresnet64", "mnistresnet64-s1", "mnistresnet64-s2"),
    ("gpt2", "gpt2-s1", "gpt2-s2"),
]
# What the peer's format can say of a GPT-2: the stream and the feed-forward units, no heads.
GPT2_SPEC = """mgit-perm 1
perm R
perm F{i}
alias lm_head.weight = transformer.wte.weight
transformer.{wte,wpe}.weight: _, R
transformer.h.{i}.{ln_1,ln_2}.{weight,bias}: R
transformer.h.{i}.attn.c_attn.weight: R, _
transformer.h.{i}.attn.c_attn.bias: _
transformer.h.{i}.{attn,mlp}.c_proj.bias: R
transformer.h.{i}.attn.c_proj.weight: _, R
transformer.h.{i}.mlp.c_fc.weight: R, F{i}
transformer.h.{i}.mlp.c_fc.bias: F{i}
transformer.h.{i}.mlp.c_proj.weight: F{i}, R
transformer.ln_f.{weight,bias}: R
"""


def gpt2_axes(names):
    axes = {}
    for name in names:
        of = []
        if name.endswith(("wte.weight", "wpe.weight", "attn.c_proj.weight")):
            of = [(1, "R", 1)]
        elif "ln_" in name or name.endswith(("c_proj.bias", "c_attn.weight")):
            of = [(0, "R", 1)]
        elif "mlp" in name:
            unit = ("F" + name.split(".")[2], 1)
            of = [(0, "R", 1), (1, *unit)] if name.endswith("c_fc.weight") else [(0, *unit)]
            of += [(1, "R", 1)] if name.endswith("c_proj.weight") else []
        axes[name] = of
    return axes


def run_json(*command):
    return json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True).stdout)


def compare(binary, kind, label, files, rounds, spec):
    import reference
    from safetensors.torch import load_file

    a, b = (load_file(file) for file in files)
    if kind == "gpt2":
        axes = gpt2_axes(a)
    else:
        axes = {"vgg": reference.spec_vgg}.get(kind, reference.spec_mlp if kind.startswith("mlp") else reference.spec_resnet)(a)
    extra = [spec] if kind == "gpt2" else []

    def plain(seed):
        start, clock = time.process_time(), time.perf_counter()
        _, objective, _ = reference.match(a, b, axes, seed)
        return time.process_time() - start, time.perf_counter() - clock, objective

    def ours(method, restarts):
        found = run_json(binary, "pair", *files, method, 0, restarts, *extra)
        return found["cpu"], found["seconds"], found["objective"]

    runs = {"plain": lambda: plain(0), "once": lambda: ours("weights", 0), "weights": lambda: ours("weights", -1), "fw": lambda: ours("frank-wolfe", -1)}
    cpu, clock, reached = {}, {}, {}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds, wall, reached[name] = run()
            cpu[name] = min(cpu.get(name, seconds), seconds)
            clock[name] = min(clock.get(name, wall), wall)
    best, seed = max((plain(seed)[2], -seed) for seed in range(10))
    print(
        f"| {label} | {reached['plain']:.2f} | {best:.2f} ({-seed}) | {reached['once']:.2f} | {reached['weights']:.2f} | {reached['weights'] / best:.4f} | {reached['fw']:.2f} "
        f"| {cpu['plain']:.2f} | {cpu['plain'] / cpu['once']:.1f} | {cpu['plain'] / cpu['weights']:.1f} | {cpu['plain'] / cpu['fw']:.1f} | {clock['plain']:.3f} | {clock['plain'] / clock['weights']:.1f} |",
        flush=True,
    )


def main():
    options = peer_options(
        __doc__,
        rounds={"type": int, "default": 3},
        files={"nargs": 3, "metavar": ("KIND", "A", "B")},
    )
    for n, m in ((512, 784), (1024, 2304)):
        print(subprocess.run([options.binary, "gemm", str(n), str(m)], check=True, capture_output=True, text=True).stdout, end="")
    print(
        "\n| pair | plain, seed 0 | best of 10 (seed) | weights, no restart | **weights** | of the best | frank-wolfe | plain, CPU s | ratio: no restart | **weights** | frank-wolfe | plain, s | ratio: **weights** |\n|"
        + " --- |" * 13
    )
    pairs = [(kind, a.split("-")[0] + (f" e{a[-1]}" if "-e" in a else ""), [options.data / "models" / name for name in (a, b)]) for kind, a, b in PAIRS]
    pairs = [(k, l, [f / "model.safetensors" if f.is_dir() else f.with_name(f.name + ".safetensors") for f in files]) for k, l, files in pairs]
    if options.files:
        pairs = [(options.files[0], pathlib.Path(options.files[1]).stem, options.files[1:])]
    with tempfile.NamedTemporaryFile("w", suffix=".perm") as spec:
        spec.write(GPT2_SPEC)
        spec.flush()
        for kind, label, files in pairs:
            compare(options.binary, kind, label, files, options.rounds, spec.name)


if __name__ == "__main__":
    main()
