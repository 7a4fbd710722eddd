"""Proves the family of one small network by numbers, and that a planted permutation comes back."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess

import numpy
import torch
from safetensors.numpy import load_file, save_file

from spec_text import Permutation, Spec

MGIT = os.environ.get("MGIT_BIN", "mgit")


class Doubles(torch.overrides.TorchFunctionMode):
    """Float64 everywhere: many norms and rotary embeddings ask for float32 by name."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        swap = lambda value: torch.float64 if value is torch.float32 else value
        return function(*map(swap, args), **{k: swap(v) for k, v in (kwargs or {}).items()})


@dataclasses.dataclass
class Proof:
    name: str
    spec: Spec
    change: float = 0.0
    controls: int = 0
    failed_controls: list = dataclasses.field(default_factory=list)
    inert: list = dataclasses.field(default_factory=list)
    movable: float = 0.0
    recovered: float | None = None


def randomize(model, seed=0):
    """No zeros, no ones: biases, gains and statistics that an order can be seen from."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda like: torch.randn(like.shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        for name, value in list(model.named_parameters()) + list(model.named_buffers()):
            if not value.dtype.is_floating_point or "inv_freq" in name:
                continue
            if "running_var" in name:
                value.copy_(draw(value).abs() + 0.5)
            elif value.dim() < 2:
                value.copy_(draw(value) * 0.3 + (1.0 if name.endswith("weight") else 0.0))
            else:
                value.copy_(draw(value) * (1.5 / numpy.sqrt(value[0].numel()) + 0.1))
    return model


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def relative(a, b):
    scale = max(float(x.abs().max()) for x in a)
    return max(float((x - y).abs().max()) for x, y in zip(a, b)) / scale


def outputs(network, tensors):
    with torch.no_grad(), Doubles():
        return network.outputs(tensors)


def prove(network, directory):
    """`network` knows save(directory) and outputs(tensors)."""
    directory = pathlib.Path(directory)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    network.save(directory)
    file = directory / "model.safetensors"
    spec = Spec(run(MGIT, "spec", "show", "--text", str(file)))
    tensors = load_file(file)
    proof = Proof(network.name, spec)
    permutation = Permutation(spec, 1)
    permuted = {key: permutation.apply(key, value) for key, value in tensors.items()}
    original = outputs(network, tensors)
    proof.change = relative(original, outputs(network, permuted))
    controls(network, proof, permutation, tensors, permuted, original)
    shown = json.loads(run(MGIT, "spec", "show", "--json", str(file)))
    proof.movable = shown["movable"] / shown["parameters"]
    proof.recovered = recovery(repository(directory, tensors), tensors, permuted)
    return proof


def controls(network, proof, permutation, tensors, permuted, original):
    """Every axis of a kind that moves, left out alone, must change the output. Tensors that the
    output does not depend on (a key's bias under softmax) show nothing and are named."""
    seen, dead = set(), {}
    random = numpy.random.default_rng(3)
    for key in sorted(tensors):
        kind = re.sub(r"\d+", "#", key)
        for axis in proof.spec.moving(key):
            wrong = permutation.apply(key, tensors[key], without=axis)
            if (kind, axis) in seen or (wrong == permuted[key]).all():
                continue
            if relative(original, outputs(network, {**permuted, key: wrong})) > 1e-7:
                proof.controls += 1
                seen.add((kind, axis))
                continue
            noise = {**tensors, key: tensors[key] + random.normal(size=tensors[key].shape)}
            if relative(original, outputs(network, noise)) < 1e-9:
                dead[kind, axis] = f"{key}:{axis}"
            else:
                proof.failed_controls.append(f"{key}:{axis}")
    proof.inert = [key for kind, key in dead.items() if kind not in seen]


def repository(directory, tensors, beside=None):
    """With the network on main. `beside`: more files, by name; None: that of the directory."""
    work = directory / "repository"
    work.mkdir()
    run("git", "init", "-q", "-b", "main", cwd=work)
    run("git", "config", "user.name", "t", cwd=work)
    run("git", "config", "user.email", "t@t", cwd=work)
    run(MGIT, "init", cwd=work)
    for name, text in {"config.json": None, **(beside or {})}.items():
        if text is not None:
            (work / name).write_text(text)
        elif (directory / name).exists():
            shutil.copy(directory / name, work)
    commit(work, tensors, "original")
    return work


def commit(work, tensors, message):
    save_file(tensors, work / "model.safetensors")
    run(MGIT, "add", ".", cwd=work)
    run("git", "commit", "-q", "-m", message, cwd=work)


def recovery(work, tensors, permuted):
    """The share of parameters that rebasing the permuted network onto the original brings back, bit
    for bit. The repository goes."""
    run("git", "switch", "-q", "-c", "feature", cwd=work)
    commit(work, permuted, "permuted")
    run(MGIT, "rebase", "feature", "onto", "main", cwd=work)
    run("git", "checkout", "-q", "feature", cwd=work)
    back = load_file(work / "model.safetensors")
    total = sum(value.size for value in tensors.values())
    same = sum(v.size for k, v in tensors.items() if back[k].tobytes() == v.tobytes())
    shutil.rmtree(work)
    return same / total
