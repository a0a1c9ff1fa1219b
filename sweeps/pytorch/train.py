#!/usr/bin/env python3
"""A PyTorch script as a trial of CycleSweep, run by `command:` in ../pytorch.yaml.

It learns to translate images of X into those of Y of the same name: where PyTorch is installed a small convolutional network, on patches;
elsewhere one curve, y = a + b x + c x^2, in Python alone, on pixels. contrib/python/sweep_trial.py keeps the contract of a trial
(docs/trainers.md): copy it beside a script of your own, and look below at what `train` does with it.
"""
import argparse
import json
import pathlib
import random
import struct
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "contrib" / "python"))
import sweep_trial  # noqa: E402

try:
    import torch
except ImportError:
    torch = None

PATCH = 16  # side of the network's patches, pixels

arguments = argparse.ArgumentParser()
arguments.add_argument("--lr", type=float, required=True)
arguments.add_argument("--batch", type=int, default=16, help="patches an update, or pixels without PyTorch")
arguments.add_argument("--loss", choices=["l1", "l2"], default="l2")
options = arguments.parse_args()


def train(trial):
    pairs = [(read_png(x), read_png(y)) for x, y in pairs_of(trial.data)]
    if not pairs:
        raise sweep_trial.DataError("no file of X has the name of a file of Y")

    draw = random.Random(trial.seed)
    model = Network(trial) if torch else Curve()
    if trial.resume:
        version, internal, gauss = json.loads((trial.resume / "random.json").read_text())
        draw.setstate((version, tuple(internal), gauss))
        model.load(trial.resume)

    def save(folder):
        (folder / "random.json").write_text(json.dumps(draw.getstate()))
        model.save(folder)

    side = model.side
    trial.start(engine=model.engine, versions=model.versions, pixels=options.batch * side**2)
    for _ in trial.updates(save):
        loss = model.update(*zip(*(draw_patch(draw, pairs, side) for _ in range(options.batch))))
        if trial.due(100):
            trial.metric({"loss/G": loss})


class Network:
    """Three convolutions that change the input by what they compute; Adam on the mean of |error| or error^2."""

    engine, side = "pytorch", PATCH

    def __init__(self, trial):
        torch.manual_seed(trial.seed)
        torch.set_num_threads(trial.threads)
        if trial.device != "cpu" and not torch.cuda.is_available():
            raise sweep_trial.DeviceError("PyTorch finds no GPU")
        self.versions = {"torch": torch.__version__}
        self.device = torch.device(trial.device)
        layers = [torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*layers, torch.nn.Conv2d(8, 1, 3, padding=1)).to(self.device)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=options.lr)

    def update(self, x, y):
        """x, y: [batch, side, side], intensities in [0, 1]; gives the loss before the update."""
        x, y = (torch.tensor(patches, device=self.device).unsqueeze(1) for patches in (x, y))
        error = x + self.net(x) - y
        loss = error.abs().mean() if options.loss == "l1" else (error**2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def save(self, folder):
        torch.save({"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}, folder / "model.pt")

    def load(self, folder):
        state = torch.load(folder / "model.pt", map_location=self.device)
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])


class Curve:
    """y = a + b x + c x^2 on single pixels; gradient descent on the mean of |error| or error^2."""

    engine, side, versions = "python", 1, {}

    def __init__(self):
        self.weights = [0.0, 0.0, 0.0]

    def update(self, x, y):
        """x, y: [batch, 1, 1], intensities in [0, 1]; gives the loss before the update."""
        total, gradient = 0.0, [0.0, 0.0, 0.0]
        for ((at,),), ((target,),) in zip(x, y):
            error = self.weights[0] + self.weights[1] * at + self.weights[2] * at * at - target
            total += abs(error) if options.loss == "l1" else error * error
            slope = (error > 0) - (error < 0) if options.loss == "l1" else 2 * error
            for power in range(3):
                gradient[power] += slope * at**power / len(x)
        self.weights = [weight - options.lr * g for weight, g in zip(self.weights, gradient)]
        return total / len(x)

    def save(self, folder):
        (folder / "weights.json").write_text(json.dumps(self.weights))

    def load(self, folder):
        self.weights = json.loads((folder / "weights.json").read_text())


def pairs_of(data):
    x, y = pathlib.Path(data["x"]), pathlib.Path(data["y"])
    return [(file, y / file.name) for file in sorted(x.glob("*.png")) if (y / file.name).exists()]


def draw_patch(draw, pairs, side):
    """The same square of X and of Y: two lists of rows."""
    pair = pairs[draw.randrange(len(pairs))]
    height, width = min(len(image) for image in pair), min(len(image[0]) for image in pair)
    if min(height, width) < side:
        raise sweep_trial.DataError(f"an image of {width} x {height} pixels is smaller than a patch of {side}")
    top, left = draw.randrange(height - side + 1), draw.randrange(width - side + 1)
    return [[row[left : left + side] for row in image[top : top + side]] for image in pair]


def read_png(file: pathlib.Path) -> list:
    """Rows of intensities in [0, 1] of a grey PNG file of 8 or 16 bits without interlacing (the PNG standard, sections 9 and 11)."""
    content = file.read_bytes()
    at, packed, head = 8, b"", b""
    while at < len(content):
        length = struct.unpack(">I", content[at : at + 4])[0]
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            head = body
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    if colour != 0 or bits not in (8, 16) or interlaced:
        raise sweep_trial.DataError("an image is no grey PNG of 8 or 16 bits without interlacing")
    size = bits // 8
    raw, row = zlib.decompress(packed), bytearray(width * size)
    rows = []
    for line in range(height):
        start = line * (width * size + 1)
        kind, coded = raw[start], raw[start + 1 : start + 1 + width * size]
        above, row = row, bytearray(coded)
        for i in range(len(row)):
            left = row[i - size] if i >= size else 0
            corner = above[i - size] if i >= size else 0
            if kind == 1:
                row[i] = (row[i] + left) & 255
            elif kind == 2:
                row[i] = (row[i] + above[i]) & 255
            elif kind == 3:
                row[i] = (row[i] + (left + above[i]) // 2) & 255
            elif kind == 4:
                guess = left + above[i] - corner
                row[i] = (row[i] + min((left, above[i], corner), key=lambda one: abs(guess - one))) & 255
        if bits == 8:
            rows.append([value / 255 for value in row])
        else:
            rows.append([(row[2 * i] * 256 + row[2 * i + 1]) / 65535 for i in range(width)])
    return rows


sweep_trial.run(train)
