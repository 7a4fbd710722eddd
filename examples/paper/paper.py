#!/usr/bin/env python3
"""The pictures of Git Re-Basin (arXiv 2209.04836), drawn with mgit on a laptop.

  paper.py --data MNIST-FOLDER [--out paper]

Trains small networks on MNIST, asks `mgit barrier` and `mgit merge` about them, and writes paper/README.md
with the figures and their pictures: how the barrier falls with width and with training, two shares of the
data, and many models in one. What was trained stays in paper/models and is not trained again.

Needs mgit on the PATH, PyTorch, and NumPy.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

import torch

from chart import chart
from networks import MLP, ResNet, mnist, save, train


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Paper:
    def __init__(self, options):
        self.options = options
        self.out = os.path.abspath(options.out)
        os.makedirs(os.path.join(self.out, "models"), exist_ok=True)
        self.images, self.labels = mnist(options.data, "train")
        self.images, self.labels = self.images[: options.images], self.labels[: options.images]
        images, labels = mnist(options.data, "t10k")
        self.test = os.path.join(self.out, "test.safetensors")
        save({"input": images[: options.test_images], "target": labels[: options.test_images]}, self.test)
        self.text = [__doc__.splitlines()[0], ""]

    # Networks.

    def path(self, name):
        return os.path.join(self.out, "models", name)

    def graph(self, kind, width):
        path = self.path(f"{kind.__name__}-{width}.torchscript.pt")
        if not os.path.exists(path):
            torch.jit.save(torch.jit.trace(kind(width).eval(), self.images[:2]), path)
        return path

    def model(self, kind, width, seed, epochs, share=None):
        """The checkpoint after the last epoch, and those on the way there, by epoch."""
        stem = f"{kind.__name__}-{width}-seed{seed}" + (f"-share{share}" if share is not None else "")
        files = {epoch: self.path(f"{stem}-epoch{epoch}of{epochs}.safetensors") for epoch in range(epochs + 1)}
        if not os.path.exists(files[epochs]):
            print(f"training {stem}", file=sys.stderr)
            chosen = slice(None) if share is None else self.share(share)
            torch.manual_seed(seed)
            train(
                kind(width), self.images[chosen], self.labels[chosen], epochs, seed,
                lambda epoch, net: save(net.state_dict(), files[epoch]),
            )
        return files

    def share(self, which):
        """Share 0 has four fifths of the digits 0 to 4 and a fifth of the others; share 1 the rest."""
        torch.manual_seed(0)
        first = torch.rand(len(self.labels)) < torch.where(self.labels < 5, 0.8, 0.2)
        return first if which == 0 else ~first

    # What mgit says of them.

    def barrier(self, kind, width, a, b):
        """{"before": ..., "after": ...}: the line between two checkpoints, and after matching."""
        report = json.loads(run(
            "mgit", "barrier", a, b, "--rebase", "--json", "--points", "11",
            "--graph", self.graph(kind, width), "--data", self.test,
        ))
        return {"before": report, "after": report["rebased"]}

    def merge(self, kind, width, files):
        """Loss and accuracy of the merge of all of these checkpoints, each a branch of one repository."""
        repository = os.path.join(self.out, "repository")
        shutil.rmtree(repository, ignore_errors=True)
        run("mgit", "init", "-q", repository)
        git = ("git", "-c", "user.name=paper", "-c", "user.email=paper@example.com")
        run(*git, "add", "-A", cwd=repository)
        run(*git, "commit", "-q", "-m", "Begin", cwd=repository)
        run(*git, "branch", "-M", "main", cwd=repository)
        names = [f"model{i}" for i in range(len(files))]
        for name, file in zip(names, files):
            run(*git, "switch", "-q", "-c", name, "main", cwd=repository)
            shutil.copyfile(file, os.path.join(repository, "model.safetensors"))
            run(*git, "add", "-A", cwd=repository)
            run(*git, "commit", "-q", "-m", f"Train {name}", cwd=repository)
        if len(files) > 1:
            run(*git, "switch", "-q", names[0], cwd=repository)
            environment = ("env", "GIT_AUTHOR_NAME=paper", "GIT_AUTHOR_EMAIL=paper@example.com",
                           "GIT_COMMITTER_NAME=paper", "GIT_COMMITTER_EMAIL=paper@example.com")
            run(*environment, "mgit", "merge", *names[1:], cwd=repository)
        return self.evaluate(kind, width, os.path.join(repository, "model.safetensors"))

    def evaluate(self, kind, width, file):
        report = json.loads(run(
            "mgit", "eval", file, "--json", "--graph", self.graph(kind, width), "--data", self.test,
        ))
        return report[0] if isinstance(report, list) else report

    # Pictures.

    def picture(self, name, *arguments, **more):
        with open(os.path.join(self.out, f"{name}.svg"), "w") as file:
            file.write(chart(*arguments, **more))
        self.text += [f"![{arguments[0]}]({name}.svg)", ""]

    def say(self, *lines):
        for line in lines:
            print(line)
        self.text += [*lines, ""]

    def table(self, head, rows):
        self.say("| " + " | ".join(head) + " |", "|" + " --- |" * len(head),
                 *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows))

    def widths(self, kind, widths, epochs):
        name = kind.__name__
        curves = {"averaged": [], "rebased": []}
        rows = []
        for i, width in enumerate(widths):
            a, b = (self.model(kind, width, seed, epochs)[epochs] for seed in (1, 2))
            lines = self.barrier(kind, width, a, b)
            curves["averaged"].append((i, lines["before"]["barrier"]))
            curves["rebased"].append((i, lines["after"]["barrier"]))
            middle = [lines[when]["points"][5]["accuracy"] for when in ("before", "after")]
            ends = [lines["before"]["points"][at]["accuracy"] for at in (0, 10)]
            rows.append([width, *(f"{lines[when]['barrier']:.3f}" for when in ("before", "after")),
                         *(f"{100 * each:.1f} %" for each in (*ends, *middle))])
        self.say(f"## Width: {name}")
        self.table(["width", "barrier", "after a rebase", "A", "B", "mean of both", "after a rebase"], rows)
        self.picture(f"width-{name.lower()}", f"Barrier against width, {name}", "width", "barrier (loss)",
                     curves, categories=widths)

    def training(self, width, epochs):
        a, b = (self.model(MLP, width, seed, epochs) for seed in (1, 2))
        seen = [0] + [epoch for epoch in (1, 2, 4, 8, 16) if epoch <= epochs]
        curves = {"averaged": [], "rebased": []}
        rows = []
        for i, epoch in enumerate(seen):
            lines = self.barrier(MLP, width, a[epoch], b[epoch])
            curves["averaged"].append((i, lines["before"]["barrier"]))
            curves["rebased"].append((i, lines["after"]["barrier"]))
            rows.append([epoch, *(f"{lines[when]['barrier']:.3f}" for when in ("before", "after"))])
        self.say(f"## Training time: MLP of width {width}")
        self.table(["epochs", "barrier", "after a rebase"], rows)
        self.picture("training", "Barrier against training time", "epochs", "barrier (loss)", curves,
                     categories=seen)

    def shares(self, width, epochs):
        a, b = (self.model(MLP, width, 10 + share, epochs, share)[epochs] for share in (0, 1))
        lines = self.barrier(MLP, width, a, b)
        curves = {
            name: [(point["lambda"], point["loss"]) for point in lines[when]["points"]]
            for name, when in (("averaged", "before"), ("rebased", "after"))
        }
        rows = [[name, f"{line['points'][5]['loss']:.3f}", f"{100 * line['points'][5]['accuracy']:.1f} %"]
                for name, line in (("mean of both", lines["before"]), ("after a rebase", lines["after"]))]
        ends = [lines["before"]["points"][at] for at in (0, 10)]
        rows = [[f"share {i}", f"{end['loss']:.3f}", f"{100 * end['accuracy']:.1f} %"]
                for i, end in enumerate(ends)] + rows
        self.say("## Two shares of the data", "Each model has four fifths of five digits and a fifth of the others.")
        self.table(["model", "loss", "accuracy"], rows)
        self.picture("shares", "Two models that saw different digits", "from one to the other", "loss", curves)

    def many(self, width, epochs, count):
        files = [self.model(MLP, width, seed, epochs)[epochs] for seed in range(1, count + 1)]
        alone = [self.evaluate(MLP, width, file) for file in files]
        merged = [self.merge(MLP, width, files[:n]) for n in range(1, count + 1)]
        self.say("## Many models")
        self.table(["models", "loss", "accuracy"],
                   [[n, f"{each['loss']:.3f}", f"{100 * each['accuracy']:.2f} %"]
                    for n, each in enumerate(merged, 1)])
        mean = sum(each["loss"] for each in alone) / count
        self.picture("many", "Models merged into one", "models", "loss",
                     {"merged": [(i, each["loss"]) for i, each in enumerate(merged)],
                      "one alone": [(0, mean), (count - 1, mean)]},
                     categories=range(1, count + 1))

    def write(self):
        with open(os.path.join(self.out, "README.md"), "w") as file:
            file.write("\n".join(self.text))
        print(f"pictures: {self.out}/README.md", file=sys.stderr)


def numbers(text):
    return [int(each) for each in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with MNIST's four files, gzipped or not")
    parser.add_argument("--out", default="paper")
    parser.add_argument("--widths", type=numbers, default=[64, 128, 256, 512], help="of the MLPs")
    parser.add_argument("--resnets", type=numbers, default=[16, 64], help="widths of the ResNets; the widest takes longest")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--resnet-epochs", type=int, default=5)
    parser.add_argument("--models", type=int, default=5, help="how many to merge into one")
    parser.add_argument("--images", type=int, default=60000, help="of the training set")
    parser.add_argument("--test-images", type=int, default=10000)
    options = parser.parse_args()
    paper = Paper(options)
    widest = max(options.widths)
    paper.widths(MLP, options.widths, options.epochs)
    paper.training(widest, options.epochs)
    paper.shares(widest, options.epochs)
    paper.many(widest, options.epochs, options.models)
    if options.resnets:
        paper.widths(ResNet, options.resnets, options.resnet_epochs)
    paper.write()


main()
