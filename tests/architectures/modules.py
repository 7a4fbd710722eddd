"""Small networks written by hand, with the names that torchvision, timm and plain PyTorch give."""

import copy
import json
import sys

import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

from proof import randomize


class Written:
    """A module and its input; `config` is what its config.json says."""

    def __init__(self, name, module, *shape, config=None):
        self.name = name
        self.config = config
        self.module = randomize(module.double().eval())
        generator = torch.Generator().manual_seed(7)
        self.input = torch.randn(shape, generator=generator, dtype=torch.float64)

    def save(self, directory):
        state = {key: value.numpy() for key, value in self.module.state_dict().items()}
        save_file(state, directory / "model.safetensors")
        if self.config:
            (directory / "config.json").write_text(json.dumps(self.config))

    def exportable(self):
        return self.module, "", (self.input,), {}

    def outputs(self, tensors):
        module = copy.deepcopy(self.module)
        module.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
        return [module(self.input)]


class Words(Written):
    """Its input are numbers below 11."""

    def __init__(self, name, module, *shape):
        super().__init__(name, module, *shape)
        self.input = torch.randint(0, 11, shape, generator=torch.Generator().manual_seed(7))


def conv_norm(i, o, kernel=1, groups=1, stride=1):
    conv = nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(o)]


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 11), nn.BatchNorm1d(11), nn.ReLU(),
            nn.Linear(11, 9), nn.ReLU(), nn.Linear(9, 4),
        )

    def forward(self, x):
        return self.layers(x)


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *conv_norm(3, 6, 3), nn.ReLU(), nn.MaxPool2d(2),
            *conv_norm(6, 7, 3), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(7 * 4, 10), nn.ReLU(), nn.Dropout(),
            nn.Linear(10, 9), nn.ReLU(), nn.Linear(9, 4),
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Bottleneck(nn.Module):
    def __init__(self, i, inner, o, groups=1, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv_norm(i, inner)
        self.conv2, self.bn2 = conv_norm(inner, inner, 3, groups, stride)
        self.conv3, self.bn3 = conv_norm(inner, o)
        self.downsample = nn.Sequential(*conv_norm(i, o, 1, 1, stride)) if i != o else None

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample else x))


class BasicBlock(nn.Module):
    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv_norm(i, o, 3, 1, stride)
        self.conv2, self.bn2 = conv_norm(o, o, 3)
        self.downsample = nn.Sequential(*conv_norm(i, o, 1, 1, stride)) if i != o else None

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if self.downsample else x))


class ResNet(nn.Module):
    def __init__(self, *layers, stem=8, out=16):
        super().__init__()
        self.conv1, self.bn1 = conv_norm(3, stem, 3)
        for number, layer in enumerate(layers, 1):
            setattr(self, f"layer{number}", nn.Sequential(*layer))
        self.count = len(layers)
        self.fc = nn.Linear(out, 5)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for number in range(1, self.count + 1):
            x = getattr(self, f"layer{number}")(x)
        return self.fc(x.mean((2, 3)))


class WideLayer(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(i)
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.convShortcut = nn.Conv2d(i, o, 1, stride, bias=False) if i != o else None

    def forward(self, x):
        y = F.relu(self.bn1(x))
        shortcut = self.convShortcut(y) if self.convShortcut else x
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(y))))


class WideBlock(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.layer = nn.Sequential(WideLayer(i, o, stride), WideLayer(o, o, 1))

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, 1, 1, bias=False)
        self.block1 = WideBlock(6, 8, 1)
        self.block2 = WideBlock(8, 10, 2)
        self.block3 = WideBlock(10, 12, 2)
        self.bn1 = nn.BatchNorm2d(12)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


class DenseLayer(nn.Module):
    def __init__(self, i, inner, growth):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(i)
        self.conv1 = nn.Conv2d(i, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, growth, 3, 1, 1, bias=False)

    def forward(self, x):
        y = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        return torch.cat([x, y], 1)


class DenseNet(nn.Module):
    def __init__(self, growth=5, stem=6):
        super().__init__()
        features, width = nn.Sequential(), stem
        features.add_module("conv0", nn.Conv2d(3, stem, 3, 1, 1, bias=False))
        features.add_module("norm0", nn.BatchNorm2d(stem))
        features.add_module("relu0", nn.ReLU())
        for block in (1, 2):
            layers = nn.Sequential()
            for layer in (1, 2, 3):
                layers.add_module(f"denselayer{layer}", DenseLayer(width, 9, growth))
                width += growth
            features.add_module(f"denseblock{block}", layers)
            if block == 1:
                transition = nn.Sequential()
                transition.add_module("norm", nn.BatchNorm2d(width))
                transition.add_module("relu", nn.ReLU())
                transition.add_module("conv", nn.Conv2d(width, 8, 1, bias=False))
                transition.add_module("pool", nn.AvgPool2d(2))
                features.add_module("transition1", transition)
                width = 8
        features.add_module("norm5", nn.BatchNorm2d(width))
        self.features = features
        self.classifier = nn.Linear(width, 5)

    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


class InvertedResidual(nn.Module):
    def __init__(self, i, o, stride, expand):
        super().__init__()
        inner = i * expand
        layers = [nn.Sequential(*conv_norm(i, inner), nn.ReLU6())] if expand != 1 else []
        layers += [nn.Sequential(*conv_norm(inner, inner, 3, inner, stride), nn.ReLU6())]
        self.conv = nn.Sequential(*layers, *conv_norm(inner, o))
        self.add = stride == 1 and i == o

    def forward(self, x):
        return x + self.conv(x) if self.add else self.conv(x)


class MobileNetV2(nn.Module):
    """Of the widths that torchvision's has; a smaller head."""

    PLAN = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
            (6, 160, 3, 2), (6, 320, 1, 1))

    def __init__(self):
        super().__init__()
        layers, width = [nn.Sequential(*conv_norm(3, 32, 3, 1, 2), nn.ReLU6())], 32
        for expand, out, count, stride in self.PLAN:
            for i in range(count):
                layers.append(InvertedResidual(width, out, stride if i == 0 else 1, expand))
                width = out
        layers.append(nn.Sequential(*conv_norm(width, 40), nn.ReLU6()))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(40, 5))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class Squeeze(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.fc1 = nn.Conv2d(width, inner, 1)
        self.fc2 = nn.Conv2d(inner, width, 1)

    def forward(self, x):
        scale = self.fc2(F.silu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(scale)


class MbConv(nn.Module):
    def __init__(self, i, inner, o, stride=1, squeeze=0):
        super().__init__()
        layers = [nn.Sequential(*conv_norm(i, inner), nn.SiLU())] if i != inner else []
        layers += [nn.Sequential(*conv_norm(inner, inner, 3, inner, stride), nn.SiLU())]
        layers += [Squeeze(inner, squeeze)] if squeeze else []
        self.block = nn.Sequential(*layers, nn.Sequential(*conv_norm(inner, o)))
        self.add = stride == 1 and i == o

    def forward(self, x):
        return x + self.block(x) if self.add else self.block(x)


class Mobile(nn.Module):
    def __init__(self, features, classifier):
        super().__init__()
        self.features = features
        self.classifier = classifier

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def mobilenet_v3():
    return Mobile(
        nn.Sequential(
            nn.Sequential(*conv_norm(3, 6, 3, 1, 2), nn.Hardswish()),
            MbConv(6, 6, 6), MbConv(6, 6, 8, 2, 4), MbConv(8, 12, 8),
            MbConv(8, 14, 10, 2, 5), MbConv(10, 15, 10, 1, 4),
            nn.Sequential(*conv_norm(10, 16), nn.Hardswish()),
        ),
        nn.Sequential(nn.Linear(16, 11), nn.Hardswish(), nn.Dropout(), nn.Linear(11, 5)),
    )


def efficientnet():
    return Mobile(
        nn.Sequential(
            nn.Sequential(*conv_norm(3, 6, 3, 1, 2), nn.SiLU()),
            nn.Sequential(MbConv(6, 6, 5, 1, 3)),
            nn.Sequential(MbConv(5, 15, 8, 2, 4), MbConv(8, 24, 8, 1, 5)),
            nn.Sequential(MbConv(8, 24, 10, 2, 4)),
            nn.Sequential(*conv_norm(10, 16), nn.SiLU()),
        ),
        nn.Sequential(nn.Dropout(), nn.Linear(16, 5)),
    )


class ChannelNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Permute(nn.Module):
    def __init__(self, *order):
        super().__init__()
        self.order = order

    def forward(self, x):
        return x.permute(self.order)


class ConvNextBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width), Permute(0, 2, 3, 1),
            nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.GELU(),
            nn.Linear(3 * width, width), Permute(0, 3, 1, 2),
        )
        self.layer_scale = nn.Parameter(torch.ones(width, 1, 1))

    def forward(self, x):
        return x + self.layer_scale * self.block(x)


class ConvNext(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 6, 4, 4), ChannelNorm(6)),
            nn.Sequential(ConvNextBlock(6), ConvNextBlock(6)),
            nn.Sequential(ChannelNorm(6), nn.Conv2d(6, 8, 2, 2)),
            nn.Sequential(ConvNextBlock(8)),
        )
        self.classifier = nn.Sequential(ChannelNorm(8), nn.Flatten(1), nn.Linear(8, 5))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3), keepdim=True))


class EncoderLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, inner), nn.GELU(), nn.Dropout(), nn.Linear(inner, width), nn.Dropout()
        )

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class TorchvisionViT(nn.Module):
    def __init__(self, width=12, heads=3):
        super().__init__()
        self.conv_proj = nn.Conv2d(3, width, 4, 4)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.encoder = nn.Module()
        self.encoder.pos_embedding = nn.Parameter(torch.zeros(1, 17, width))
        self.encoder.layers = nn.Sequential()
        for i in range(2):
            self.encoder.layers.add_module(f"encoder_layer_{i}", EncoderLayer(width, heads, 16))
        self.encoder.ln = nn.LayerNorm(width)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(width, 5))

    def forward(self, x):
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], 1) + self.encoder.pos_embedding
        return self.heads(self.encoder.ln(self.encoder.layers(x))[:, 0])


class TimmAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c))


class TimmBlock(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = TimmAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Module()
        self.mlp.fc1 = nn.Linear(width, inner)
        self.mlp.fc2 = nn.Linear(inner, width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp.fc2(F.gelu(self.mlp.fc1(self.norm2(x))))


class TimmViT(nn.Module):
    def __init__(self, width=12, heads=3):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 17, width))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, width, 4, 4)
        self.blocks = nn.Sequential(TimmBlock(width, heads, 16), TimmBlock(width, heads, 16))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


class Recurrent(nn.Module):
    def __init__(self, name, kind, both=False, backward_first=False):
        super().__init__()
        setattr(self, name, kind(6, 7, num_layers=2, batch_first=True, bidirectional=both))
        self.name = name
        self.backward_first = backward_first
        self.fc = nn.Linear(14 if both else 7, 5)

    def forward(self, x):
        y = getattr(self, self.name)(x)[0].mean(1)
        return self.fc(y.roll(7, 1) if self.backward_first else y)


class Language(nn.Module):
    def __init__(self, name, kind, both=False):
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        setattr(self, name, kind(6, 7, num_layers=2, batch_first=True, bidirectional=both))
        self.name = name
        self.head = nn.Linear(14 if both else 7, 11)

    def forward(self, words):
        return self.head(getattr(self, self.name)(self.embed(words))[0])


class Diffusion(nn.Module):
    """A U-Net of diffusers; its state is its own."""

    def __init__(self, unet, words=None):
        super().__init__()
        self.unet = unet
        self.words = words

    def state_dict(self):
        return self.unet.state_dict()

    def load_state_dict(self, state):
        return self.unet.load_state_dict(state)

    def forward(self, x):
        return self.unet(x, 3, *([] if self.words is None else [self.words])).sample


def unets():
    try:
        import diffusers
    except ImportError as missing:
        print(f"left out, U-Nets: {missing}", file=sys.stderr)
        return {}

    def unet(name, kind, words=None, **changes):
        net = kind(sample_size=8, block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1,
                   **changes)
        config = {key: value for key, value in net.config.items() if not key.startswith("_")}
        return Written(name, Diffusion(net, words), 2, net.config.in_channels, 8, 8,
                       config={"_class_name": kind.__name__, **config})

    words = torch.randn((2, 5, 10), generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return {
        "DDPM U-Net": lambda: unet(
            "DDPM U-Net", diffusers.UNet2DModel, attention_head_dim=4,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D")),
        "Stable Diffusion U-Net": lambda: unet(
            "Stable Diffusion U-Net", diffusers.UNet2DConditionModel, words, attention_head_dim=2,
            cross_attention_dim=10, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")),
    }


def networks():
    """{title: builder}; builders are called when the row is made."""
    W = Written
    image = (2, 3, 16, 16)
    basic = lambda: ResNet([BasicBlock(8, 8)], [BasicBlock(8, 12, 2), BasicBlock(12, 12)], out=12)
    deep = lambda groups: ResNet(
        [Bottleneck(8, 6, 10, groups), Bottleneck(10, 6, 10, groups)],
        [Bottleneck(10, 12, 16, groups, 2), Bottleneck(16, 12, 16, groups)])
    return {
        "MLP": lambda: W("MLP", Mlp(), 4, 6),
        "VGG": lambda: W("VGG", Vgg(), 2, 3, 8, 8),
        "ResNet, basic blocks": lambda: W("ResNet, basic blocks", basic(), *image),
        "ResNet, bottlenecks": lambda: W("ResNet, bottlenecks", deep(1), *image),
        "ResNeXt": lambda: W("ResNeXt", deep(3), *image),
        "WideResNet": lambda: W("WideResNet", WideResNet(), *image),
        "DenseNet": lambda: W("DenseNet", DenseNet(), *image),
        "MobileNetV2": lambda: W("MobileNetV2", MobileNetV2(), 2, 3, 32, 32),
        "MobileNetV3": lambda: W("MobileNetV3", mobilenet_v3(), 2, 3, 32, 32),
        "EfficientNet": lambda: W("EfficientNet", efficientnet(), 2, 3, 32, 32),
        "ConvNeXt, torchvision": lambda: W("ConvNeXt, torchvision", ConvNext(), *image),
        "ViT, torchvision": lambda: W("ViT, torchvision", TorchvisionViT(), *image),
        "ViT, timm": lambda: W("ViT, timm", TimmViT(), *image),
        "LSTM": lambda: W("LSTM", Recurrent("lstm", nn.LSTM), 2, 5, 6),
        "LSTM, both directions": lambda: W(
            "LSTM, both directions", Recurrent("lstm", nn.LSTM, True), 2, 5, 6),
        "LSTM, backward first": lambda: W(
            "LSTM, backward first", Recurrent("lstm", nn.LSTM, True, True), 2, 5, 6),
        "LSTM of words": lambda: Words("LSTM of words", Language("lstm", nn.LSTM), 2, 5),
        "GRU of words, both directions": lambda: Words(
            "GRU of words, both directions", Language("gru", nn.GRU, True), 2, 5),
        "GRU": lambda: W("GRU", Recurrent("gru", nn.GRU), 2, 5, 6),
        "GRU, both directions": lambda: W(
            "GRU, both directions", Recurrent("gru", nn.GRU, True), 2, 5, 6),
        **unets(),
    }
