#!/usr/bin/env python3
"""The graph of a network, from which mgit derives what can be reordered in it (docs/specs.md).

  export_graph.py NETWORK SHAPE OUT      e.g.  export_graph.py nets.py:Classifier 1,784 net.pt2

NETWORK is a Python file and what to call in it without arguments for a torch.nn.Module. SHAPE is that of
one input, of float32; with "long:" before it, of token numbers. The weights do not matter: mgit takes the
checkpoint's. The first length counts samples; it stays open in what is exported, for `mgit eval`, where the
network allows that. Needs PyTorch 2.6 or later.
"""
import importlib.util
import sys

import torch


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    (path, _, name), shape, out = sys.argv[1].partition(":"), sys.argv[2], sys.argv[3]
    spec = importlib.util.spec_from_file_location("network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    sizes = [int(n) for n in shape.removeprefix("long:").split(",")]
    sizes[0] = max(sizes[0], 2)  # one of 1 would be taken for 1 always
    example = torch.zeros(sizes, dtype=torch.long if shape.startswith("long:") else torch.float32)
    program = torch.export.export(getattr(module, name)().eval(), (example,),
                                  dynamic_shapes=({0: torch.export.Dim.AUTO},))
    torch.export.save(program, out)


main()
