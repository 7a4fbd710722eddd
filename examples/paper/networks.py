"""The networks of the pictures, and their training on MNIST."""
import gzip
import json
import os
import struct

import torch
from torch import nn
from torch.nn import functional as F

MEAN, DEVIATION = 0.1307, 0.3081


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(784, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, width)
        self.fc4 = nn.Linear(width, 10)

    def forward(self, x):
        x = x.flatten(1)
        for layer in (self.fc1, self.fc2, self.fc3):
            x = F.relu(layer(x))
        return self.fc4(x)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Three blocks, of one, two and four times the width, under torchvision's names."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(Block(width, width, 1))
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2))
        self.layer3 = nn.Sequential(Block(2 * width, 4 * width, 2))
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def mnist(folder, part):
    """Images (n, 1, 28, 28) and labels of "train" or "t10k", from MNIST's own files, gzipped or not."""

    def read(name):
        path = os.path.join(folder, name)
        if os.path.exists(path + ".gz"):
            return gzip.open(path + ".gz").read()
        if os.path.exists(path):
            return open(path, "rb").read()
        raise SystemExit(f"{path}: not there (nor with .gz); --data names the folder with MNIST's four files")

    images = torch.frombuffer(bytearray(read(f"{part}-images-idx3-ubyte")[16:]), dtype=torch.uint8)
    labels = torch.frombuffer(bytearray(read(f"{part}-labels-idx1-ubyte")[8:]), dtype=torch.uint8)
    return (images.reshape(-1, 1, 28, 28).float() / 255 - MEAN) / DEVIATION, labels.long()


def train(net, images, labels, epochs, seed, snapshot=lambda epoch, net: None):
    """AdamW, one learning-rate cycle. `snapshot` sees the network before training and after each epoch."""
    torch.manual_seed(seed)
    batch = min(256, len(images))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=max(1, epochs) * (len(images) // batch) + 1
    )
    snapshot(0, net)
    for epoch in range(1, epochs + 1):
        net.train()
        for chosen in torch.randperm(len(images))[: len(images) // batch * batch].split(batch):
            optimizer.zero_grad()
            F.cross_entropy(net(images[chosen]), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
        snapshot(epoch, net)
    return net


def save(tensors, path):
    """A safetensors file."""
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    header, blob = {}, b""
    for name, tensor in tensors.items():
        data = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {
            "dtype": kinds[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(blob), len(blob) + len(data)],
        }
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + blob)
