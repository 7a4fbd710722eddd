#!/usr/bin/env python3
"""Makes the TorchScript archives beside it: make_torchscript.py, with PyTorch 2.

What torch.jit.save writes for its debugger is taken out, as it is more than half of such a file.
"""
import pathlib
import zipfile

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent


class Picture(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Conv2d(2, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.deep = nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2)
        self.group = nn.GroupNorm(2, 8)
        self.join = nn.Conv2d(14, 4, 1)
        self.leave = nn.Linear(4 * 9, 3)
        self.register_buffer("scale", torch.tensor([1.0, 1.0]), persistent=False)

    def forward(self, x):
        x = x * self.scale.view(1, 2, 1, 1)
        wide = F.relu(self.norm(self.enter(x)), inplace=True)
        deep = F.silu(self.group(self.deep(wide)))
        deep = F.interpolate(deep, size=wide.shape[2:], mode="nearest")
        y = self.join(torch.cat([deep, wide], 1))
        y += torch.sigmoid(y)
        return self.leave(F.max_pool2d(y, 2).flatten(1))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)
        self.rnn = nn.LSTM(8, 6, batch_first=True)
        self.head = nn.Linear(6, 11, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, 2, width // 2).transpose(1, 2)
            for part in self.qkv(x).split(width, dim=-1)
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) / (width // 2) ** 0.5, dim=-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))
        return self.head(self.rnn(x)[0])


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 6)])
        self.leave = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor, gain: float = 1.0):
        if x.dim() != 2:
            raise RuntimeError("a batch of rows")
        seen: list[torch.Tensor] = []
        for number, layer in enumerate(self.layers):
            x = F.dropout(F.relu(layer(x)), 0.5, self.training)
            if number > 0:
                seen.append(x)
        for _ in range(len(seen)):
            x = x * gain
        return self.leave(x), seen[0].sum()


def save(script, name):
    path = HERE / name
    torch.jit.save(script, path)
    with zipfile.ZipFile(path) as archive:
        parts = [(part, archive.read(part)) for part in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for part, data in parts:
            if not part.endswith(".debug_pkl") and ".data/" not in part:
                archive.writestr(zipfile.ZipInfo(part), data)
    print(name, path.stat().st_size)


if __name__ == "__main__":
    torch.manual_seed(1)
    with torch.no_grad():
        save(torch.jit.trace(Picture().eval(), torch.randn(1, 2, 6, 6)), "picture.torchscript.pt")
        save(torch.jit.trace(Words().eval(), torch.randint(0, 11, (2, 5))), "words.torchscript.pt")
        save(torch.jit.script(Scripted().eval()), "scripted.torchscript.pt")
