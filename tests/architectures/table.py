#!/usr/bin/env python3
"""Makes docs/architectures.md and tests/data/architectures: every family, proved by numbers.

    python3 tests/architectures/table.py build/bin/mgit            # all rows, both written
    python3 tests/architectures/table.py build/bin/mgit BERT T5    # rows that begin so, shown alone

Needs PyTorch and transformers. A row that proves nothing, or something else than it should, ends it
with an error and nothing is written.
"""

import json
import os
import pathlib
import re
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DATA = SOURCE / "tests" / "data" / "architectures"
LIMIT = 1e-9

INTRODUCTION = """# Architectures

What `mgit rebase` and `mgit merge` know without being told: the families in `specs/`, recognised by the names and shapes of
the tensors and by the `config.json` beside them; and what they derive from a graph of the same network that `torch.export`
saved. Made by `tests/architectures/table.py`, which needs PyTorch and transformers.
Each row is a small network with random weights, gains, biases and statistics:

- **groups**, and the share of the parameters in tensors that **can move**; a family counts as one group;
- **change**: the largest change of an output, relative to the largest output, in float64, when all groups are reordered at
  random at once, by a program that was written after [specs.md](specs.md) and shares no code with mgit;
- **controls**: axes that were left out of the reordering one at a time, one of each kind of layer; every one of them changes the
  output by more than 1e-7. Tensors on which no output depends are left out of the controls, and named;
- **back**: the share of the parameters that `mgit rebase` of the reordered network onto the original brings back, bit for bit.

Then of the spec that is derived from the **graph**: its groups, what can move, how many of its groups **agree** in meaning with
one of the family (`mgit spec diff`; *all*: neither has another one), and what `mgit spec check --graph` finds when it runs the
graph in float64 with random weights: the largest **change**, and the **controls** it tried. Every graph's spec is planted and
found again as the family's is: **back**.

| network | family | groups | can move | change | controls | back | graph: groups | can move | agree | change | controls | back | what keeps its order in the family, besides inputs and outputs |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
"""

DIFFERENCES = """
## Where graph and family differ

A graph says more than the names and shapes of tensors; a checkpoint says nothing of strides, of who reads a tensor, or of how an
axis is cut. Each group that only one of the two has:

"""

STREAM = "the stream, which leaves the network"
ROTATED = "what is rotated in query and key"
HEADS = "heads and what is inside: the checkpoint does not say how many there are"
SKIPS = "what skip connections concatenate across the groups of a norm"
STRIDES = "streams: residual connections follow from strides, which a checkpoint does not hold"
DIRECTIONS = "both directions share one order in the last layer, for a head may read either first"
PINNED = {
    "bloom": "heads (ALiBi)",
    "clip-text": STREAM,
    "ddpm": SKIPS,
    "deepseek": ROTATED + "; experts",
    "densenet": "what the layers of a block add has one order for all of them",
    "efficientnet": STRIDES,
    "falcon-alibi": "heads (ALiBi)",
    "falcon-groups": ROTATED,
    "falcon-multi-query": ROTATED,
    "gpt-neox": "query and key, of which a part is rotated",
    "gpt-oss": ROTATED,
    "gptj": ROTATED,
    "gru": DIRECTIONS,
    "llama": ROTATED,
    "lstm": DIRECTIONS,
    "mobilenet-v3": STRIDES,
    "modernbert": ROTATED,
    "moe": ROTATED + "; experts in tensors of their own",
    "olmo2": ROTATED,
    "phi": "query and key, of which a part is rotated",
    "phi3": ROTATED,
    "stable-diffusion": SKIPS,
    "vit-timm": HEADS,
    "vit-torchvision": HEADS,
}


STRIDED = "Whether a block adds its input follows from strides, which the graph has."
PARTLY_ROTATED = "The part of query and key that is not rotated moves; the family pins the whole."
APART = "The graph knows that the head reads forward and backward apart."
CHOSEN = "The graph takes experts by numbers that it computes; the derivation pins what is taken so."
COUNTED = "The graph says how many heads there are."
# Why graph and family differ, by the row's name or its family's.
WHY = {
    "BERT classifier": "A head of this name may read the pooler or the stream; the checkpoint does not say.",
    "BART classifier": "The head reads the last token, found by a mask; the derivation pins what is taken so.",
    "GPT-OSS": CHOSEN,
    "Nemotron": PARTLY_ROTATED,
    "Qwen3-MoE, stacked": CHOSEN,
    "StableLm": PARTLY_ROTATED,
    "ddpm": "The graph lets what skip connections concatenate move inside the groups of the norm.",
    "densenet": "The family has one order for what all layers of a block add, the graph one for each.",
    "dinov2": "Nothing reads the mask token when the network is run.",
    "efficientnet": STRIDED,
    "gpt-neox": PARTLY_ROTATED,
    "gru": APART,
    "lstm": APART,
    "mobilenet-v3": STRIDED,
    "phi": PARTLY_ROTATED,
    "stable-diffusion": "The graph lets what skip connections concatenate move inside the groups of the norm.",
    "vit-timm": COUNTED,
    "vit-torchvision": COUNTED,
}


def pinned(row):
    parts = [PINNED[row.spec.architecture]] if row.spec.architecture in PINNED else []
    if row.name in ("LSTM", "LSTM of words", "GRU"):
        parts = []
    if row.name.endswith("stacked"):
        parts = [ROTATED]
    if row.name.endswith((" bare", " encoder")):
        parts.append(STREAM)
    if row.inert:
        kinds = sorted({".".join(key.split(":")[0].split(".")[-2:]) for key in row.inert})
        parts.append("without effect: " + ", ".join(f"`{kind}`" for kind in kinds))
    return "; ".join(parts)


def graph_columns(graph):
    if graph.missing:
        return "| | | | | "
    agree = f"{graph.alike}" if graph.differences else "all"
    proved = graph.proof == "numeric"
    return (
        f"{graph.groups} | {graph.movable:.1%} | {agree} | "
        f"{graph.change:.0e} | {graph.controls} | {graph.recovered:.2f}"
        if proved
        else f"{graph.groups} | {graph.movable:.1%} | {agree} | not run | | {graph.recovered:.2f}"
    )


def line(row, graph):
    return (
        f"| {row.name} | `{row.spec.architecture}` | {len(row.spec.groups)} | {row.movable:.1%} | "
        f"{row.change:.0e} | {row.controls} | {row.recovered:.2f} | {graph_columns(graph)} | "
        f"{pinned(row)} |"
    )


def differences(row, graph):
    """A line for each group that family or graph has alone, or both have in other places."""
    if graph.missing:
        yield f"- {row.name}: no graph: {graph.missing}"
        return
    for each in graph.differences:
        sides = [side for side in ("a", "b") if side in each]
        places = sorted(set(each["only_a"] + each["only_b"]))
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        where = places[0].split(" [")[0] + more
        whose = {"a": "the family alone", "b": "the graph alone"}.get(
            "".join(sides), "both, in other places")
        names = " and ".join(f"`{each[side]}`" for side in sides)
        yield f"- {row.name}: {names} in {whose} ({where}). {WHY[reason_for(row)]}"


def reason_for(row):
    return row.name if row.name in WHY else row.spec.architecture


def faults(row, graph):
    if graph.proof == "numeric" and graph.change > LIMIT:
        yield f"the graph's spec changes the output by {graph.change:.1e}"
    if not graph.missing and graph.recovered != 1:
        yield f"only {graph.recovered:.4f} came back by the graph"
    if graph.differences and reason_for(row) not in WHY:
        yield f"{len(graph.differences)} differences that nobody has explained"
    if not row.spec.groups or row.controls == 0:
        yield "nothing moves"
    if row.change > LIMIT:
        yield f"the output changes by {row.change:.1e}"
    if row.failed_controls:
        yield f"the output does not depend on {', '.join(row.failed_controls)}"
    if row.recovered != 1:
        yield f"only {row.recovered:.4f} came back"


def flat(config, prefix=""):
    for key, value in sorted(config.items()):
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, (bool, int, str)):
            yield prefix + key, json.dumps(value).strip('"')


def record(row, directory):
    """What the tests need of a proved network: its config, its tensors, its spec."""
    from safetensors import safe_open

    text = ""
    config = directory / "config.json"
    if config.exists():
        asked = re.findall(
            r"config[. ]([\w.]+)", (SOURCE / "specs" / f"{row.spec.architecture}.perm").read_text()
        )
        for key, value in flat(json.loads(config.read_text())):
            if key in asked:
                text += f"{key} = {value}\n"
    text += "%%\n"
    with safe_open(directory / "model.safetensors", "np") as file:
        for key in sorted(file.keys()):
            text += " ".join([key, *map(str, file.get_slice(key).get_shape())]) + "\n"
    return f"{text}%%\n{row.spec.text}"


def title(name):
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def main():
    os.environ["MGIT_BIN"] = str(pathlib.Path(sys.argv[1]).resolve())
    try:
        import graphs
        import modules
        import proof
        import torch
        import transformers_networks
    except ImportError as missing:
        print(f"skipped: {missing}")
        sys.exit(77)
    torch.set_num_threads(1)
    networks = {**transformers_networks.networks(), **modules.networks()}
    wanted = tuple(sys.argv[2:])
    if not wanted and "DDPM U-Net" not in networks:
        sys.exit("the whole table needs diffusers")
    rows, records, explained, wrong = [], {}, [], False
    for name, build in networks.items():
        if wanted and not name.startswith(wanted):
            continue
        with tempfile.TemporaryDirectory() as place:
            directory = pathlib.Path(place) / "network"
            network = build()
            row = proof.prove(network, directory)
            records[title(name)] = record(row, directory)
            graph = graphs.examine(network, directory)
        rows.append(line(row, graph))
        print(rows[-1], flush=True)
        found = list(faults(row, graph))
        for fault in found:
            wrong = True
            print(f"  WRONG: {fault}", flush=True)
        if not found:
            explained += differences(row, graph)
    if wrong:
        sys.exit("not written")
    if wanted:
        return
    DATA.mkdir(exist_ok=True)
    for old in DATA.glob("*.network"):
        old.unlink()
    for name, text in records.items():
        (DATA / f"{name}.network").write_text(text)
    (SOURCE / "docs" / "architectures.md").write_text(INTRODUCTION + "\n".join(rows) + "\n" + DIFFERENCES + "\n".join(explained) + "\n")


if __name__ == "__main__":
    main()
