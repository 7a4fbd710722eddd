#!/usr/bin/env python3
"""Weight matching against the plain NumPy algorithm (tools/reference.py of the shared folder), on the
same inputs in one run, in turns. The assignment solver by itself: bench/assignment.py.

    bench/match.py [--binary build/bin/bench_match] [--data ../shared] [--rounds 3]

Runs under a Python with numpy, scipy, torch and safetensors: MGIT_PYTHON if that is set, else this
one. Prints ratios; above 1 is faster than the peer."""
import argparse
import json
import os
import pathlib
import subprocess
import sys

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
    options = parser.parse_args()
    for n, m in ((512, 784), (1024, 2304)):
        print(subprocess.run([options.binary, "gemm", str(n), str(m)], check=True, capture_output=True, text=True).stdout, end="")
    pairs(options.binary, options.data, options.rounds)


if __name__ == "__main__":
    main()
