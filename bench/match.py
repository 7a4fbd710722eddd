#!/usr/bin/env python3
"""Matching against its peers, on the same inputs in one run: the assignment solver beside SciPy,
weight matching beside the plain NumPy algorithm (tools/reference.py of the shared folder), in turns.

    bench/match.py [--binary build/bin/bench_match] [--data ../shared] [--rounds 3] [--sizes 512,1024]

Runs under a Python with numpy, scipy, torch and safetensors: MGIT_PYTHON if that is set, else this
one. Prints ratios; above 1 is faster than the peer."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAIRS = [
    ("mlp", "mlp-s1", "mlp-s2"),
    ("mlpbias", "mlpbias-s10", "mlpbias-s11"),
    ("vgg", "vgg-s1", "vgg-s2"),
    ("mnistresnet", "mnistresnet-s1", "mnistresnet-s2"),
    ("mnistresnet64", "mnistresnet64-s1", "mnistresnet64-s2"),
]


def run_json(*command):
    return json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True).stdout)


def matrices(np, n):
    random = np.random.default_rng(n)
    yield "gaussian", random.standard_normal((n, n))
    spectrum = (1 + np.arange(n)) ** -0.5
    a, b = (
        np.exp(random.standard_normal((n, 1))) * random.standard_normal((n, n)) * spectrum
        for _ in range(2)
    )
    yield "heterogeneous", a @ b.T
    planted = random.standard_normal((n, n))
    planted[np.arange(n), random.permutation(n)] += 6
    yield "planted", planted
    yield "uniform", random.random((n, n))
    yield "few values", random.integers(0, 10, (n, n))


def assignments(binary, sizes, rounds):
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    print(f"{'matrix':<15}{'n':>6}{'scipy ms':>10}{'mgit ms':>10}{'warm ms':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "matrix"
        for n in sizes:
            for name, matrix in matrices(np, n):
                score = matrix.astype(np.float32)
                score.tofile(path)
                peer, ours = [], []
                for _ in range(rounds):
                    start = time.perf_counter()
                    rows, columns = linear_sum_assignment(score, maximize=True)
                    peer.append((time.perf_counter() - start) * 1e3)
                    ours.append(run_json(binary, "assignment", path, n, 3))
                best = score[rows, columns].sum(dtype=np.float64)
                if abs(best - ours[0]["value"]) > 1e-7 * abs(best) + 1e-9:
                    sys.exit(f"{name} {n}: {ours[0]['value']} but scipy finds {best}")
                cold, warm = (min(o[k] for o in ours) for k in ("ms", "warm_ms"))
                print(f"{name:<15}{n:>6}{min(peer):>10.2f}{cold:>10.2f}{warm:>10.2f}{min(peer) / cold:>8.1f}")


def pairs(binary, data, rounds):
    print(f"\n{'pair':<15}{'peer s':>8}{'mgit s':>8}{'ratio':>8}{'peer obj':>12}{'mgit obj':>12}{'of peer':>10}")
    for kind, *names in PAIRS:
        files = [data / "models" / f"{name}.safetensors" for name in names]
        peer, ours = [], []
        for _ in range(rounds):
            peer.append(
                run_json(sys.executable, data / "tools" / "reference.py", kind, *files, "--match-only")
            )
            ours.append(run_json(binary, "pair", *files, 0, -1))
        seconds = [min(r["seconds"] for r in results) for results in (peer, ours)]
        reached = [results[0]["objective"] for results in (peer, ours)]
        print(
            f"{kind:<15}{seconds[0]:>8.3f}{seconds[1]:>8.3f}{seconds[0] / seconds[1]:>8.1f}"
            f"{reached[0]:>12.2f}{reached[1]:>12.2f}{reached[1] / reached[0]:>10.5f}"
        )


def main():
    wanted = os.environ.get("MGIT_PYTHON")
    if wanted and wanted != sys.executable:
        os.execv(wanted, [wanted, *sys.argv])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/bin/bench_match")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="512,1024")
    options = parser.parse_args()
    for n, m in ((512, 784), (1024, 2304)):
        print(subprocess.run([options.binary, "gemm", str(n), str(m)], check=True, capture_output=True, text=True).stdout, end="")
    assignments(options.binary, [int(n) for n in options.sizes.split(",")], options.rounds)
    pairs(options.binary, options.data, options.rounds)


if __name__ == "__main__":
    main()
