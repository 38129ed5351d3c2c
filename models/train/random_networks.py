"""Networks of several families with random weights, as ONNX files, and inputs for them.

Where the point is that an encrypted network computes what the plain one computes, and what that
takes, weights need no training. Batch normalisations see random inputs first, so that values have
ordinary sizes.

    python3 models/train/random_networks.py FOLDER
    blindsight compile FOLDER/vgg64.onnx --calibrate FOLDER/vgg64.npy --numbers --output FOLDER/vgg64.bs
    blindsight accuracy FOLDER/vgg64.npy --model FOLDER/vgg64.bs --network FOLDER/vgg64.onnx --count 3
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def block(inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.ReLU):
    """Convolution, normalisation, activation."""
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


class Inverted(nn.Module):
    """The block of MobileNetV2."""

    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        inner = inputs * expansion
        self.shortcut = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            block(inputs, inner, 1, activation=nn.ReLU6),
            block(inner, inner, 3, stride, inner, activation=nn.ReLU6),
            block(inner, outputs, 1, activation=None),
        )

    def forward(self, x):
        return x + self.layers(x) if self.shortcut else self.layers(x)


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels, reduced):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, reduced, 1),
            nn.ReLU(),
            nn.Conv2d(reduced, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.gate(x)


class Joined(nn.Module):
    """Feature maps that are concatenated, and a slope for each channel."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = block(3, 8), block(8, 8), block(16, 8)
        self.slopes, self.scores = nn.PReLU(8), nn.Linear(24, 10)

    def forward(self, x):
        first = self.first(x)
        second = self.second(first)
        third = self.slopes(self.third(torch.cat([first, second], 1)))
        joined = torch.cat([first, second, third], 1)
        return self.scores(functional.adaptive_avg_pool2d(joined, 1).flatten(1))


class Before(nn.Module):
    """A residual block with its normalisations before the convolutions."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        same = stride == 1 and inputs == outputs
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        y = functional.relu(self.norm1(x))
        z = self.conv2(functional.relu(self.norm2(self.conv1(y))))
        return z + (x if self.shortcut is None else self.shortcut(y))


class Shuffle(nn.Module):
    """The unit of ShuffleNetV2: half of the channels pass, then all are shuffled."""

    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.layers = nn.Sequential(
            block(half, half, 1), block(half, half, 3, 1, half, activation=None), block(half, half, 1)
        )

    def forward(self, x):
        passed, changed = x.chunk(2, 1)
        joined = torch.cat([passed, self.layers(changed)], 1)
        batch, channels, height, width = joined.shape
        cut = joined.view(batch, 2, channels // 2, height, width)
        return cut.transpose(1, 2).reshape(batch, channels, height, width)


def networks():
    """Name, network and input shape."""
    yield "vgg64", nn.Sequential(
        block(3, 16), block(16, 16), nn.MaxPool2d(2),
        block(16, 32), block(32, 32), nn.MaxPool2d(2),
        block(32, 64), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 64, 64), nn.ReLU(), nn.Linear(64, 10),
    ), (3, 64, 64)
    yield "vgg32", nn.Sequential(
        block(3, 32), nn.MaxPool2d(2), block(32, 64), nn.MaxPool2d(2), block(64, 64), *head(64)
    ), (3, 32, 32)
    yield "mobilenet", nn.Sequential(
        block(3, 8, 3, 2, activation=nn.ReLU6),
        Inverted(8, 8, 1, 2), Inverted(8, 12, 2, 4), Inverted(12, 12, 1, 4),
        Inverted(12, 24, 2, 4), Inverted(24, 24, 1, 4),
        block(24, 64, 1, activation=nn.ReLU6), *head(64),
    ), (3, 32, 32)
    yield "gates", nn.Sequential(
        block(3, 16), Gate(16, 4), block(16, 32, 3, 2, activation=nn.SiLU), Gate(32, 8), *head(32)
    ), (3, 32, 32)
    yield "joined", Joined(), (3, 24, 20)
    yield "before", nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1), Before(8, 8, 1), Before(8, 16, 2), Before(16, 16, 1),
        Before(16, 32, 2), nn.BatchNorm2d(32), nn.ReLU(), *head(32),
    ), (3, 32, 32)
    yield "perceptron", nn.Sequential(
        nn.Linear(200, 256), nn.GELU(), nn.Linear(256, 256), nn.Tanh(),
        nn.Linear(256, 128), nn.LeakyReLU(0.2), nn.Linear(128, 64), nn.ELU(),
        nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 3),
    ), (200,)
    yield "lenet", nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    ), (1, 28, 28)
    yield "odd", nn.Sequential(
        nn.Conv2d(1, 5, (3, 5), padding=(1, 2)), nn.Hardswish(), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(5, 12, (3, 5), (1, 2)), nn.ELU(),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.Flatten(),
        nn.Linear(12 * 6 * 3, 20), nn.Softplus(), nn.Linear(20, 7),
    ), (1, 28, 28)
    yield "shuffle", nn.Sequential(
        block(3, 16, 3, 2), Shuffle(16), Shuffle(16), block(16, 32, 3, 2), Shuffle(32), *head(32)
    ), (3, 32, 32)
    yield "sequence", nn.Sequential(
        nn.Conv1d(6, 16, 5, 2, 2), nn.ReLU(), nn.Conv1d(16, 32, 3, 1, 1), nn.Hardswish(),
        nn.MaxPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 5),
    ), (6, 128)
    yield "enlarged", nn.Sequential(
        block(1, 8, 3, 2), nn.Upsample(scale_factor=2), block(8, 8),
        nn.Upsample(scale_factor=2, mode="bilinear"), block(8, 8, 3, 2), *head(8),
    ), (1, 16, 16)
    yield "tall", nn.Sequential(
        block(3, 8, 3, 2), block(8, 16, 3, 2), nn.AvgPool2d(2), block(16, 32, 3, 2), *head(32)
    ), (3, 160, 160)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    for name, network, shape in networks():
        network.train()
        with torch.no_grad():
            for _ in range(5):
                network(torch.randn(16, *shape))
        network.eval()
        torch.onnx.export(
            network, (torch.zeros(1, *shape),), str(folder / f"{name}.onnx"),
            opset_version=17, input_names=["x"], output_names=["y"], dynamo=False,
        )
        inputs = np.random.default_rng(1).normal(size=(300, *shape)).astype("<f4")
        np.save(folder / f"{name}.npy", inputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
