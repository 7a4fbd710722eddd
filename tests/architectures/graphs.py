"""What mgit makes of the graph of a small network, beside its family."""

import dataclasses
import json
import subprocess
import zipfile

import torch
from safetensors.numpy import load_file as numpy_file
from safetensors.torch import load_file

from proof import MGIT, recovery, repository
from spec_text import Permutation, Spec


@dataclasses.dataclass
class Examined:
    missing: str = ""  # why there is nothing to examine
    groups: int = 0
    movable: float = 0.0
    alike: int = 0
    differences: list = dataclasses.field(default_factory=list)
    proof: str = ""
    change: float = 0.0
    controls: int = 0
    recovered: float = 0.0


def as_saved(module, prefix, checkpoint):
    """{name in the module: name in the checkpoint}: transformers renames some when it saves. Told by
    the contents, which are random; tied weights are saved once and keep their other names."""
    saved = load_file(checkpoint)
    by_content = {(tuple(v.shape), v.numpy().tobytes()): name for name, v in saved.items()}
    names = {}
    state = torch.nn.Module.state_dict(module)
    for name, value in state.items():
        plain = name.removeprefix(prefix)
        content = (tuple(value.shape), value.contiguous().numpy().tobytes())
        twin = by_content.get(content)
        tied = twin is None or prefix + twin in state
        names[name] = plain if plain in saved or tied else twin
    return names


def renamed(value, names):
    if isinstance(value, dict):
        return {names.get(key, key): renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def export(network, directory):
    """The graph, with the checkpoint's names."""
    module, prefix, arguments, words = network.exportable()
    program = torch.export.export(module, arguments, kwargs=words)
    written = directory / "exported.pt2"
    torch.export.save(program, written)
    names = as_saved(module, prefix, directory / "model.safetensors")
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(directory / "net.pt2", "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".json"):
                content = json.dumps(renamed(json.loads(content), names)).encode()
            new.writestr(entry.filename, content)


def spec(directory, *words):
    done = subprocess.run([MGIT, "spec", *words], cwd=directory, capture_output=True, text=True)
    if done.returncode > 1:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def recovered(directory):
    """As for the family, by the graph alone."""
    tensors = numpy_file(directory / "model.safetensors")
    configured = '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt2\n'
    work = repository(directory, tensors, {"net.pt2": None, ".mgitconfig": configured})
    derived = Spec(spec(work, "show", "--text", "HEAD:model.safetensors"))
    permutation = Permutation(derived, 2)
    permuted = {key: permutation.apply(key, value) for key, value in tensors.items()}
    return recovery(work, tensors, permuted)


def examine(network, directory):
    """Of what proof.prove left in the directory."""
    try:
        export(network, directory)
    except (RuntimeError, torch._dynamo.exc.UserError) as error:
        return Examined(missing=type(error).__name__)
    files = ("net.pt2", "model.safetensors")
    try:
        (directory / "graph.perm").write_text(spec(directory, "derive", *files))
    except RuntimeError as error:
        return Examined(missing=str(error).splitlines()[0].removeprefix("fatal: net.pt2: "))
    compared = json.loads(spec(directory, "diff", "auto", *files, "--json"))
    proved = json.loads(spec(directory, "check", "graph.perm", "model.safetensors", "--graph",
                             "net.pt2", "--json"))
    return Examined(
        groups=len(proved["groups"]),
        movable=proved["movable"] / proved["parameters"],
        alike=compared["alike"],
        differences=compared["differences"],
        proof=proved["proof"],
        change=proved["largest_change"],
        controls=proved["controls"],
        recovered=recovered(directory),
    )
