"""The ResNet20 with quadratic activations of AutoFHE (Ao and Boddeti 2024; MIT), as an ONNX file.

Its activations are `a x^2 + b x + c` for each channel, batch normalisation folded in. They are written
as squares, `a (x + b / 2a)^2 + c - b^2 / 4a`: a number added before, a square, a factor and a number
after.

    python3 models/train/quadratic.py resnet20-quadratic-cifar10.safetensors quadratic.onnx
    blindsight compile quadratic.onnx --calibrate PICTURES --mean 0.4914,0.4822,0.4465 \\
        --std 0.2023,0.1994,0.2010 --output quadratic.bs
"""

import sys

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional


class Quadratic(nn.Module):
    def __init__(self, weights, name):
        super().__init__()
        a, b, c = (weights[f"{name}.w{power}"] for power in (2, 1, 0))
        by_channel = [x.view(1, -1, 1, 1) for x in (b / (2 * a), a, c - b * b / (4 * a))]
        self.before, self.factor, self.after = map(nn.Parameter, by_channel)

    def forward(self, x):
        shifted = x + self.before
        return shifted * shifted * self.factor + self.after


class Block(nn.Module):
    def __init__(self, weights, name, stride):
        super().__init__()
        self.conv1 = nn.Parameter(weights[f"{name}.conv1.weight"])
        self.conv2 = nn.Parameter(weights[f"{name}.conv2.weight"])
        self.first = Quadratic(weights, f"{name}.herpn1")
        self.second = Quadratic(weights, f"{name}.herpn2")
        self.stride = stride

    def forward(self, x):
        y = self.first(functional.conv2d(x, self.conv1, None, self.stride, 1))
        y = functional.conv2d(y, self.conv2, None, 1, 1)
        if self.stride == 2:
            more = (self.conv1.shape[0] - self.conv1.shape[1]) // 2
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
        return self.second(y + x)


class Network(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.conv = nn.Parameter(weights["conv1.weight"])
        self.first = Quadratic(weights, "herpn")
        blocks = [
            Block(weights, f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1)
            for stage in (1, 2, 3)
            for block in (0, 1, 2)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.weight = nn.Parameter(weights["linear.weight"])
        self.bias = nn.Parameter(weights["linear.bias"])

    def forward(self, x):
        x = self.blocks(self.first(functional.conv2d(x, self.conv, None, 1, 1)))
        return functional.linear(x.mean((2, 3)), self.weight, self.bias)


def main(source, target):
    network = Network(load_file(source)).eval()
    torch.onnx.export(
        network, (torch.zeros(1, 3, 32, 32),), target,
        opset_version=17, input_names=["input"], output_names=["scores"], dynamo=False,
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
