#!/usr/bin/env python3
"""Federated averaging in a git repository: clients train on what only they have, mgit combines.

  federated.py --data MNIST-FOLDER [--out federated] [--momentum 0.9]

Each round every client pulls main, trains on its own data, says in its commit how much that was, and pushes its
branch; the server merges the branches, weighted by these counts (mgit merge --weight data), judges the result and
pushes main. With --momentum the server goes on in the direction of its last step (FedAvgM, arXiv 1909.06335).
OUT/rounds.md has a row for each round. A run that is started again goes on after its last round.

Needs mgit on the PATH, PyTorch, and NumPy.
"""
import argparse
import json
import os
import struct
import subprocess
import sys

import numpy
import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "paper"))
from networks import MLP, mnist, save  # noqa: E402

MODEL = "model.safetensors"
CONFIG = f'[model "net"]\n\tpath = {MODEL}\n\tgraph = net.pt\n\tdata = eval.safetensors\n'
HEADER = """| round | a client, on average | largest barrier between two | merged | loss |
| --- | --- | --- | --- | --- |
"""


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.decode().strip()}")
    return done.stdout


def parse(content):
    """The tensors of a safetensors file that `save` wrote."""
    (length,) = struct.unpack("<Q", content[:8])
    data = bytearray(content[8 + length :])
    return {
        name: torch.frombuffer(data, dtype=torch.float32, offset=info["data_offsets"][0],
                               count=numpy.prod(info["shape"], dtype=int)).reshape(info["shape"])
        for name, info in json.loads(content[8 : 8 + length]).items()
    }


def shares(labels, clients, alpha, seed):
    """Indices for each client: of every class, parts drawn from a Dirichlet distribution. Small alpha: few
    classes to a client, and clients of very different sizes."""
    random = numpy.random.default_rng(seed)
    parts = [[] for _ in range(clients)]
    for label in range(10):
        of_class = random.permutation(numpy.flatnonzero(labels.numpy() == label))
        cuts = (random.dirichlet([alpha] * clients).cumsum()[:-1] * len(of_class)).astype(int)
        for part, indices in zip(parts, numpy.split(of_class, cuts)):
            part.extend(indices.tolist())
    return [torch.tensor(sorted(part), dtype=torch.long) for part in parts]


class Federation:
    def __init__(self, options):
        self.options = options
        self.out = os.path.abspath(options.out)
        self.server = os.path.join(self.out, "server")
        images, labels = mnist(options.data, "train")
        self.images, self.labels = images[: options.images], labels[: options.images]
        if options.clients < 2:
            raise SystemExit("there is nothing to merge with fewer than two clients")
        self.shares = shares(self.labels, options.clients, options.alpha, options.seed)
        empty = [k + 1 for k, share in enumerate(self.shares) if not len(share)]
        if empty:
            raise SystemExit(f"client {empty[0]} got no data: raise --alpha, or choose another --seed")
        self.net = MLP(options.width)
        if not os.path.exists(self.out):
            self.begin()

    def client(self, number):
        return os.path.join(self.out, f"client-{number}")

    def numbers(self):
        return range(1, self.options.clients + 1)

    def begin(self):
        """A bare repository, the server's clone with a network that is not trained, and the clients' clones."""
        os.makedirs(self.out)
        run(self.out, "git", "init", "-q", "--bare", "-b", "main", "hub.git")
        run(self.out, "mgit", "clone", "-q", "hub.git", "server")
        run(self.server, "mgit", "init", "-q")
        torch.manual_seed(self.options.seed)
        self.net = MLP(self.options.width)
        save(self.net.state_dict(), os.path.join(self.server, MODEL))
        torch.jit.save(torch.jit.trace(self.net.eval(), self.images[:2]), os.path.join(self.server, "net.pt"))
        images, labels = mnist(self.options.data, "t10k")
        few = self.options.test_images
        save({"input": images[:few], "target": labels[:few]}, os.path.join(self.server, "eval.safetensors"))
        with open(os.path.join(self.server, ".mgitconfig"), "w") as file:
            file.write(CONFIG)
        run(self.server, "mgit", "trust")
        run(self.server, "git", "config", "mgit.evaluateMerges", "false")
        run(self.server, "mgit", "add", ".")
        run(self.server, "mgit", "commit", "-q", "-m", "Round 0: not trained")
        run(self.server, "git", "tag", "round-0")
        run(self.server, "mgit", "push", "-q", "-u", "origin", "main", "round-0")
        for number in self.numbers():
            run(self.out, "mgit", "clone", "-q", "hub.git", f"client-{number}")
            run(self.client(number), "git", "switch", "-q", "-c", f"client-{number}")
        with open(os.path.join(self.out, "rounds.md"), "w") as file:
            file.write(HEADER)

    def rounds_done(self):
        return len(run(self.server, "git", "tag", "--list", "round-*").split()) - 1

    # A round.

    def train(self, round, number):
        """One client: from main to its branch."""
        folder, share = self.client(number), self.shares[number - 1]
        run(folder, "mgit", "pull", "-q", "--ff-only", "origin", "main")
        path = os.path.join(folder, MODEL)
        with open(path, "rb") as file:
            self.net.load_state_dict(parse(file.read()))
        torch.manual_seed(1000 * round + number)
        optimizer = torch.optim.SGD(self.net.parameters(), lr=self.options.rate)
        for _ in range(self.options.epochs):
            for chosen in share[torch.randperm(len(share))].split(self.options.batch):
                optimizer.zero_grad()
                F.cross_entropy(self.net(self.images[chosen]), self.labels[chosen]).backward()
                optimizer.step()
        save(self.net.state_dict(), path)
        run(folder, "mgit", "commit", "-q", "-a", "-m", f"Round {round}, client {number}",
            "--trailer", f"Mgit-Trained: samples {len(share)}")
        run(folder, "mgit", "push", "-q", "origin", f"client-{number}")

    def merge(self, round):
        branches = [f"origin/client-{number}" for number in self.numbers()]
        run(self.server, "mgit", "fetch", "-q")
        report = json.loads(run(self.server, "mgit", "barrier", *branches, "--points", "5", "--json"))
        pairs = report.get("pairs", [report])
        clients = {pair[end]: pair["points"][point]["accuracy"] for pair in pairs for end, point in (("a", 0), ("b", -1))}
        run(self.server, "mgit", "merge", "-q", "-m", f"Round {round}", "--weight", "data", *branches)
        if self.options.momentum and round > 1:
            self.go_on(round)
        run(self.server, "git", "tag", f"round-{round}")
        run(self.server, "mgit", "push", "-q", "origin", "main", f"round-{round}")
        merged = json.loads(run(self.server, "mgit", "eval", "--json", "main"))
        average = sum(clients.values()) / len(clients)
        return (f"| {round} | {100 * average:.2f} % | {max(pair['barrier'] for pair in pairs):.3f} | "
                f"{100 * merged['accuracy']:.2f} % | {merged['loss']:.4f} |")

    def go_on(self, round):
        """Adds the momentum times the step that led to this round's start, a commit of the server's own. The
        history is all the state that this needs."""
        before, start = (
            parse(run(self.server, "git", "cat-file", "--filters", f"round-{round - back}:{MODEL}"))
            for back in (2, 1)
        )
        path = os.path.join(self.server, MODEL)
        with open(path, "rb") as file:
            average = parse(file.read())
        momentum = self.options.momentum
        save({name: average[name] + momentum * (start[name] - before[name]) for name in average}, path)
        run(self.server, "mgit", "commit", "-q", "-a", "-m", f"Round {round}: momentum {momentum}")

    def run(self):
        sizes = ", ".join(str(len(share)) for share in self.shares)
        print(f"{self.options.clients} clients with {sizes} samples\n\n{HEADER}", end="", flush=True)
        for round in range(self.rounds_done() + 1, self.options.rounds + 1):
            for number in self.numbers():
                self.train(round, number)
            row = self.merge(round)
            print(row, flush=True)
            with open(os.path.join(self.out, "rounds.md"), "a") as file:
                file.write(row + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with MNIST's four files")
    parser.add_argument("--out", default="federated", help="where the repositories go")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument("--alpha", type=float, default=0.3, help="how alike the clients' data are: 100 alike, 0.1 hardly")
    parser.add_argument("--momentum", type=float, default=0.0, help="of the server, over rounds: 0.9, say")
    parser.add_argument("--epochs", type=int, default=1, help="of a client in a round")
    parser.add_argument("--rate", type=float, default=0.05, help="a client's learning rate")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--images", type=int, default=60000)
    parser.add_argument("--test-images", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    Federation(parser.parse_args()).run()


if __name__ == "__main__":
    main()
