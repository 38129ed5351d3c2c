#!/usr/bin/env python3
"""Train a small MNIST network with square activations and write it as ONNX.

    mnist.py {mlp,lenet5} --data DIR --out FILE.onnx [--seed 1] [--epochs 15]

DIR holds the four original IDX files (gzip).  The only non-linearity is x*x, so
the whole network is a polynomial of its input and can be evaluated under
homomorphic encryption.  Three things make that work well:

  * a BatchNorm stands before every square while training, and is folded into
    the convolution or linear layer in front of it before the export;
  * a penalty keeps the inputs of the squares within about +-LIMIT;
  * weight decay keeps the weights small.

Input "input": 1x1x28x28, (pixel/255 - 0.1307)/0.3081.  Output "scores": 1x10.

5,000 training digits are held out, for choosing settings.  The test set is read
once, after training (not at all with --no-test).  Needs torch, numpy and onnx.
"""
import argparse
import copy
import gzip
import json
import math
import os
import struct
import time
import warnings

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

MEAN, STD = 0.1307, 0.3081   # of the training pixels, scaled to 0..1
HELD_OUT = 5000              # training digits kept for validation
BATCH = 128
SHIFT = 2                    # largest random shift, in pixels
SHIFT_SHARE = 0.7            # share of the pictures that are shifted
SMOOTHING = 0.05             # label smoothing
EMA_DECAY = 0.999            # running average of the weights
LIMIT = 4.0                  # wanted bound on the inputs of the squares (soft: the
                             # penalty is a mean, so its weight has to be large)


# ---------------------------------------------------------------- data

def read_idx(path):
    """One gzip-compressed IDX file of unsigned bytes, as a numpy array."""
    with gzip.open(path, "rb") as f:
        raw = f.read()
    if raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    dims = struct.unpack_from(f">{raw[3]}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def load(folder, part):
    """Pictures (N,28,28, bytes) and labels (N) of part 'train' or 't10k'."""
    images = read_idx(os.path.join(folder, f"{part}-images-idx3-ubyte.gz"))
    labels = read_idx(os.path.join(folder, f"{part}-labels-idx1-ubyte.gz"))
    return torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(np.int64))


def normalise(images):
    """Bytes (N,28,28) to network input (N,1,28,28)."""
    return ((images.float() / 255 - MEAN) / STD).unsqueeze(1)


def shifted(images):
    """Move about SHIFT_SHARE of the pictures by up to +-SHIFT pixels each way."""
    n = len(images)
    moved = (torch.rand(n, 1) < SHIFT_SHARE).long()
    offset = SHIFT + moved * torch.randint(-SHIFT, SHIFT + 1, (n, 2))
    rows = offset[:, :1] + torch.arange(28)
    cols = offset[:, 1:] + torch.arange(28)
    padded = F.pad(images, (SHIFT,) * 4)
    return padded[torch.arange(n)[:, None, None], rows[:, :, None], cols[:, None, :]]


# ---------------------------------------------------------------- networks

class Square(nn.Module):
    """x*x; remembers its latest input for the penalty and the statistics."""

    def forward(self, x):
        self.seen = x
        return x * x


def mlp():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 128), nn.BatchNorm1d(128), Square(),
        nn.Linear(128, 10))


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6), Square(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), Square(), nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120), nn.BatchNorm1d(120), Square(),
        nn.Linear(120, 84), nn.BatchNorm1d(84), Square(),
        nn.Linear(84, 10))


def squares(net):
    return [m for m in net if isinstance(m, Square)]


@torch.no_grad()
def fold(net):
    """The same function without BatchNorm: each one goes into the layer before it."""
    layers = []
    for m in copy.deepcopy(net).eval():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            prev = layers[-1]
            gain = m.weight.double() / torch.sqrt(m.running_var.double() + m.eps)
            shape = (-1,) + (1,) * (prev.weight.dim() - 1)
            weight = prev.weight.double() * gain.view(shape)
            bias = (prev.bias.double() - m.running_mean.double()) * gain + m.bias.double()
            prev.weight.copy_(weight)
            prev.bias.copy_(bias)
        else:
            layers.append(m)
    return nn.Sequential(*layers).eval()


# ---------------------------------------------------------------- training

@torch.no_grad()
def evaluate(net, images, labels):
    """Accuracy, and the smallest and largest input of each square."""
    net.eval()
    right = 0
    ranges = [[math.inf, -math.inf] for _ in squares(net)]
    for i in range(0, len(images), 1000):
        scores = net(normalise(images[i:i + 1000]))
        right += (scores.argmax(1) == labels[i:i + 1000]).sum().item()
        for r, s in zip(ranges, squares(net)):
            r[0] = min(r[0], s.seen.min().item())
            r[1] = max(r[1], s.seen.max().item())
    return right / len(images), [[round(v, 3) for v in r] for r in ranges]


def train(net, images, labels, val_images, val_labels, args):
    """Train net and return the averaged (EMA) network."""
    # Weight decay only for the weights proper, not for biases and BatchNorm.
    groups = [{"params": [p for p in net.parameters() if p.dim() > 1],
               "weight_decay": args.weight_decay},
              {"params": [p for p in net.parameters() if p.dim() == 1],
               "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr)
    per_epoch = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs * per_epoch)
    average = copy.deepcopy(net)
    step = 0
    for epoch in range(1, args.epochs + 1):
        start = time.time()
        net.train()
        total = 0.0
        for idx in torch.randperm(len(images))[:per_epoch * BATCH].split(BATCH):
            scores = net(normalise(shifted(images[idx])))
            loss = F.cross_entropy(scores, labels[idx], label_smoothing=SMOOTHING)
            excess = sum(F.relu(s.seen.abs() - LIMIT).square().mean() for s in squares(net))
            optimizer.zero_grad()
            (loss + args.penalty * excess).backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            # Average weights and BatchNorm statistics; a shorter memory at first.
            step += 1
            keep = min(EMA_DECAY, step / (step + 10))
            with torch.no_grad():
                for a, b in zip(average.state_dict().values(), net.state_dict().values()):
                    if a.is_floating_point():
                        a.lerp_(b, 1 - keep)
        accuracy, ranges = evaluate(average, val_images, val_labels)
        print(f"epoch {epoch:2d}  loss {total / per_epoch:.4f}  held-out {accuracy:.4f}  "
              f"squares {ranges}  {time.time() - start:.1f} s", flush=True)
    return average


def export(net, path):
    """Write the folded network as ONNX, for one picture at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter without dynamo
        torch.onnx.export(net, (torch.zeros(1, 1, 28, 28),), path, opset_version=17,
                          input_names=["input"], output_names=["scores"], dynamo=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", choices=["mlp", "lenet5"])
    parser.add_argument("--data", required=True, help="folder with the IDX files")
    parser.add_argument("--out", required=True, help="ONNX file to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--weight-decay", type=float, default=3e-2)
    parser.add_argument("--penalty", type=float, default=100.0,
                        help="weight of mean(relu(|x|-4)^2) over the squares' inputs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-test", action="store_true", help="leave the test set alone")
    args = parser.parse_args()

    start = time.time()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    images, labels = load(args.data, "train")
    order = torch.randperm(len(images))
    val, rest = order[:HELD_OUT], order[HELD_OUT:]
    net = {"mlp": mlp, "lenet5": lenet5}[args.network]()
    average = train(net, images[rest], labels[rest], images[val], labels[val], args)

    folded = fold(average)
    accuracy, ranges = evaluate(folded, images[val], labels[val])
    report = {"network": args.network, "seed": args.seed, "epochs": args.epochs,
              "held_out_accuracy": accuracy,
              "square_inputs_train": evaluate(folded, images, labels)[1]}
    export(folded, args.out)
    if not args.no_test:
        accuracy, ranges = evaluate(folded, *load(args.data, "t10k"))
        report.update(test_accuracy=accuracy, square_inputs_test=ranges)
    report["seconds"] = round(time.time() - start, 1)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
