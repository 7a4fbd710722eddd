#!/usr/bin/env python3
"""Writes the PyTorch files of this folder, or checks that PyTorch still reads such files.

    python make_torch.py write PREFIX          PREFIX-training.pt, PREFIX-views.pt, PREFIX-legacy.pt
    python make_torch.py check PREFIX FOLDER   do the files of FOLDER hold what `write` put there?

The committed ones were written by torch 1.13.1 (torch-1.13-*) and 2.13.0 (torch-2.13-*).
"""
import sys
import torch


def training():
    """A whole training state: model, Adam, an average of the weights in a list, plain numbers."""
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    adam = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    adam.step()
    return {"model": net.state_dict(), "optimizer": adam.state_dict(), "epoch": 3,
            "average": [p.detach().clone() for p in net.parameters()]}


def views():
    """Tied weights, a transposed and a partial view, a scalar, no elements, other dtypes."""
    table = torch.arange(12.0).reshape(3, 4)
    return {"table": table, "tied": table, "turned": table.t(), "part": table[1:, 1:],
            "one": table[2, 3], "none": table[:0], "half": torch.ones(3, dtype=torch.bfloat16),
            "complex": torch.ones(2, dtype=torch.complex64), "flag": torch.tensor([True, False]),
            "parameter": torch.nn.Parameter(torch.ones(2))}


def write(prefix):
    torch.save(training(), prefix + "-training.pt")
    torch.save(views(), prefix + "-views.pt")
    torch.save(views(), prefix + "-legacy.pt", _use_new_zipfile_serialization=False)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.stride() == b.stride() and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def check(prefix, folder):
    for name, wanted in [("training", training()), ("views", views()), ("legacy", views())]:
        found = torch.load(f"{folder}/{prefix}-{name}.pt")
        assert same(found, wanted), name
        if name != "training":
            assert found["table"].data_ptr() == found["tied"].data_ptr(), "no longer tied"
    torch.optim.Adam([torch.nn.Parameter(p) for p in training()["average"]]).load_state_dict(
        torch.load(f"{folder}/{prefix}-training.pt")["optimizer"])
    print(torch.__version__, "reads", prefix)


{"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
