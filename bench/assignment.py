#!/usr/bin/env python3
"""The assignment solver beside SciPy, lapx and src-d's lapjv, on the same matrices in one run, in turns.

    bench/assignment.py [--binary build/bin/bench_match] [--data ../shared] [--sizes 16,64,256,1024]
                        [--rounds 2] [--limit 60] [--only WORD]

Milliseconds of CPU on one core, the least of all runs. Each peer gets what it likes best, made before
the clock starts: lapx negated doubles, lapjv negated floats, SciPy negated doubles; "scipy" is the call
that people write, on the floats as they are. A peer that takes longer than --limit seconds is shown
as "-". The last columns are what that call of SciPy's and the fastest of all peers take, in parts of
mgit's time: above 1 mgit is faster. Every optimum is compared with the peers'.

Real matrices come from the models in --data: similarities of units in the first and the third sweep
of weight matching. Runs under a Python with the peers, which it makes itself in build/bench-peers."""
import argparse
import itertools
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ("scipy", "scipy, doubles", "lapx", "lapjv")


def under_peers():
    """Continues under a Python that has the peers."""
    place = ROOT / "build/bench-peers"
    if pathlib.Path(sys.prefix) == place:
        return
    if not (place / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin/pip", "install", "-q", "numpy", "scipy", "lapx", "lapjv"], check=True)
        (place / "complete").touch()
    os.execv(place / "bin/python", [str(place / "bin/python"), *sys.argv])


def serve(peer):
    """A peer in a process of its own: reads paths of matrices, prints milliseconds and value of each."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    for line in sys.stdin:
        score = np.fromfile(line.strip(), np.float32)
        n = round(len(score) ** 0.5)
        score = score.reshape(n, n)
        if peer == "scipy":
            solve = lambda: linear_sum_assignment(score, maximize=True)[1]
        elif peer == "scipy, doubles":
            cost = -score.astype(np.float64)
            solve = lambda: linear_sum_assignment(cost)[1]
        elif peer == "lapx":
            import lap

            cost = -score.astype(np.float64)
            solve = lambda: lap.lapjv(cost, return_cost=False)[0]
        else:
            import lapjv

            cost = -score
            solve = lambda: lapjv.lapjv(cost)[0]
        best, spent, batch = 1e300, 0, 1
        while spent < 0.25:
            start = time.thread_time()
            for _ in range(batch):
                columns = solve()
            took = time.thread_time() - start
            best, spent = min(best, max(took, 1e-9) / batch), spent + took
            batch = int(1e-3 / best) + 1 if spent > 1e-5 else 10
        value = score[np.arange(n), columns].sum(dtype=np.float64)
        print(json.dumps([best * 1e3, float(value)]), flush=True)


class Peer:
    def __init__(self, name, limit):
        self.name, self.limit, self.process = name, limit, None

    def run(self, path):
        """Milliseconds and value; None beyond the limit."""
        if self.process is None:
            command = [sys.executable, __file__, "--serve", self.name]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], self.limit)[0]:
            self.close()
            return None
        return json.loads(self.process.stdout.readline())

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def uneven(np, random, n):
    """Rows with a power-law spectrum and log-normal norms, as neurons of a trained network have."""
    spectrum = (1 + np.arange(n)) ** -0.5
    return np.exp(random.standard_normal((n, 1))) * random.standard_normal((n, n)) * spectrum


def made(np, n):
    random = np.random.default_rng(n)
    normal = lambda *shape: random.standard_normal(shape, dtype=np.float32)
    yield "gaussian", normal(n, n)
    yield "uniform", random.random((n, n))
    yield "heterogeneous", uneven(np, random, n) @ uneven(np, random, n).T
    for noise in (0.1, 1, 10):
        a = normal(n, max(4, n // 4))
        yield f"planted, noise {noise:g}", a @ (a[random.permutation(n)] + noise * normal(*a.shape)).T
    yield "rank 8", normal(n, 8) @ normal(8, n)
    yield "rank 1", np.outer(np.arange(n) + 1.0, np.arange(n) + 1.0) / n
    for count in (2, 10, 100):
        yield f"{count} values", random.integers(0, count, (n, n))
    few = normal(n // 8, n // 8)
    yield "duplicates", few[np.ix_(random.integers(0, n // 8, n), random.integers(0, n // 8, n))]
    yield "zeros", np.zeros((n, n))
    dead = uneven(np, random, n) @ uneven(np, random, n).T
    dead[random.random(n) < 0.3] = 0
    dead[:, random.random(n) < 0.3] = 0
    yield "dead units", dead


def tensors(np, path):
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data, np.float32, offset=end + entry["data_offsets"][0],
                            count=int(np.prod(entry["shape"], dtype=np.int64))).reshape(entry["shape"])
        for name, entry in header.items() if entry["dtype"] == "F32"
    }


NETWORKS = [  # name, files, groups: where each stands, (tensor, axis)
    ("MLP", "mlp-s1.safetensors", "mlp-s2.safetensors",
     [[(f"fc{i}.weight", 0), (f"fc{i + 1}.weight", 1)] for i in (1, 2, 3)]),
    ("VGG", "vgg-s1.safetensors", "vgg-s2.safetensors",
     [[(f"features.{i}.weight", 0), (f"features.{j}.weight", 1)]
      for i, j in ((4, 8), (8, 11), (11, 15), (15, 18))] +
     [[("classifier.0.weight", 0), ("classifier.2.weight", 1)]]),
    ("ResNet", "mnistresnet64-s1.safetensors", "mnistresnet64-s2.safetensors",
     [[(f"layer{i}.0.conv1.weight", 0), (f"layer{i}.0.conv2.weight", 1)] for i in (1, 2, 3)] +
     [[("layer3.0.conv2.weight", 0), ("layer3.0.downsample.0.weight", 0), ("fc.weight", 1)]]),
    ("GPT-2", "gpt2-s1/model.safetensors", "gpt2-s2/model.safetensors",
     [[(f"transformer.h.{i}.mlp.c_fc.weight", 1), (f"transformer.h.{i}.mlp.c_proj.weight", 0)]
      for i in range(4)]),
]


def real(np, data):
    from scipy.optimize import linear_sum_assignment

    for name, *files, groups in NETWORKS:
        paths = [data / "models" / file for file in files]
        if not all(path.exists() for path in paths):
            continue
        a, b = (tensors(np, path) for path in paths)
        order = [None] * len(groups)

        def unfolded(tensor, name, axis):
            for other, places in enumerate(groups):
                for place, other_axis in places:
                    if place == name and other_axis != axis and order[other] is not None:
                        tensor = np.take(tensor, order[other], axis=other_axis)
            return np.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1)

        for sweep in range(3):
            for g, places in enumerate(groups):
                score = 0
                for tensor, axis in places:
                    left = np.moveaxis(a[tensor], axis, 0).reshape(a[tensor].shape[axis], -1)
                    score = score + left @ unfolded(b[tensor], tensor, axis).T
                if sweep != 1:
                    yield f"{name}, group {g + 1}, sweep {sweep + 1}", score
                order[g] = linear_sum_assignment(score, maximize=True)[1]


def compare(np, binary, name, matrix, peers, rounds, path):
    score = np.ascontiguousarray(matrix, np.float32)
    score.tofile(path)
    n = len(score)
    times = {peer.name: None for peer in peers}
    ours = []
    for _ in range(rounds):
        for peer in peers:
            if times[peer.name] == "-":
                continue
            result = peer.run(path)
            if result is None:
                times[peer.name] = "-"
            elif times[peer.name] is None or result[0] < times[peer.name][0]:
                times[peer.name] = result
        output = subprocess.run([binary, "assignment", path, str(n)], check=True, capture_output=True)
        ours.append(json.loads(output.stdout))
    cold, warm = (min(o[k] for o in ours) for k in ("ms", "warm_ms"))
    found = {peer: result for peer, result in times.items() if result != "-"}
    for peer, (_, value) in found.items():
        # lapjv sums in floats; nobody may find more than we do
        if value > ours[0]["value"] + 1e-7 * abs(value) + 1e-9 or (
            peer != "lapjv" and value < ours[0]["value"] - 1e-7 * abs(value) - 1e-9
        ):
            sys.exit(f"{name} {n}: {ours[0]['value']} but {peer} finds {value}")
    columns = [f"{found[p][0]:>11.4g}" if p in found else f"{'-':>11}" for p in (peer.name for peer in peers)]
    fastest = min((result[0] for result in found.values()), default=float("nan"))
    scipy = found["scipy"][0] / cold if "scipy" in found else float("nan")
    print(f"{name:<26}{n:>6}{''.join(columns)}{cold:>11.4g}{warm:>10.4g}{scipy:>8.1f}{fastest / cold:>8.1f}", flush=True)
    return fastest / cold


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/bin/bench_match")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared")
    parser.add_argument("--sizes", default="16,64,256,1024")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--limit", type=float, default=60)
    parser.add_argument("--only", default="")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    under_peers()
    if options.serve:
        return serve(options.serve)
    import numpy as np

    peers = [Peer(name, options.limit) for name in PEERS]
    titles = ''.join(f'{peer:>11}' for peer in ('scipy', '(doubles)', 'lapx', 'lapjv', 'mgit'))
    print(f"{'matrix':<26}{'n':>6}{titles}"
          f"{'warm':>10}{'x scipy':>8}{'x best':>8}")
    slowest = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "matrix"
        sizes = [int(n) for n in options.sizes.split(",") if n]
        suites = [*(made(np, n) for n in sizes), real(np, options.data)]
        for name, matrix in itertools.chain(*suites):
            if options.only in name:
                slowest.append(compare(np, options.binary, name, matrix, peers, options.rounds, path))
    for peer in peers:
        peer.close()
    print(f"\n{len(slowest)} matrices; slower than a peer on {sum(ratio < 1 for ratio in slowest)}")


if __name__ == "__main__":
    main()
