#!/usr/bin/env python3
"""A trainer that is not CycleSweep's own, run by `command:` in ../pytorch.yaml. It shows the whole contract of a trial in one file.

It fits one curve, y = a + b x + c x^2, from X's intensities to Y's by gradient descent, over pairs of grey PNG files of the
same name: with PyTorch where that is installed, else with Python alone. Put your own model in the place of `Model`.

What it is given, in the environment (docs/trainers.md):
  SWEEP_TRIAL_DIR   folder of this trial: config.json in it, checkpoints/ below it
  SWEEP_EVENTS      file to append to, one JSON object a line
  SWEEP_RESUME      checkpoint folder to go on from, or unset
  SWEEP_LIFELINE    "stdin": the runner is gone once standard input ends
What it is asked: exit code 0 when done or stopped, 64 for a wrong configuration, 65 for wrong data, 70 for a fault.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import sys
import threading
import time
import zlib

try:
    import torch
except ImportError:
    torch = None

CHECKPOINTS = 10  # at every tenth of the budget
LOGGED = 100  # metric events, at most


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--lr", type=float, required=True)
    arguments.add_argument("--batch", type=int, default=256, help="pixels a step")
    arguments.add_argument("--loss", choices=["l1", "l2"], default="l2")
    options = arguments.parse_args()

    trial = pathlib.Path(os.environ["SWEEP_TRIAL_DIR"])
    config = json.loads((trial / "config.json").read_text())
    updates = config["budget"].get("updates")
    if updates is None:
        print("this trainer counts updates: give the sweep a budget of updates", file=sys.stderr)
        return 64
    emit = open_events(pathlib.Path(os.environ["SWEEP_EVENTS"]))
    asked_to_stop = listen_for_stop()

    pairs = [(read_png(x), read_png(y)) for x, y in pairs_of(config["data"])]
    if not pairs:
        print("no file of X has the name of a file of Y", file=sys.stderr)
        return 65

    model = Model(options.lr, options.loss)
    step = 0
    draw = random.Random(config["seed"])
    resume = os.environ.get("SWEEP_RESUME")
    if resume:
        state = json.loads((pathlib.Path(resume) / "state.json").read_text())
        step = state["step"]
        model.load(state["model"])
        version, internal, gauss = state["random"]
        draw.setstate((version, tuple(internal), gauss))

    device = model.device
    emit(t="start", engine="pytorch" if torch else "python", engineReason="the sweep's command", device=device,
         threads=int(os.environ.get("SWEEP_THREADS", "1")), pid=os.getpid(), updates=updates, **{"from": step},
         versions={"python": sys.version.split()[0], **({"torch": torch.__version__} if torch else {})})

    def save() -> None:
        state = {"step": step, "model": model.state(), "random": draw.getstate()}
        path = save_checkpoint(trial, step, state)
        emit(t="checkpoint", step=step, kind="last", path=path, bytes=(trial / path / "state.json").stat().st_size)

    alive = time.monotonic()
    while step < updates:
        if asked_to_stop.is_set():
            save()
            emit(t="stopped", step=step, reason="asked to stop; saved a checkpoint")
            return 0
        x, y = zip(*(draw_pixel(draw, pairs) for _ in range(options.batch)))
        loss = model.update(x, y)
        step += 1
        if reached(step, updates, LOGGED):
            emit(t="metric", step=step, wall=time.time(), pixels=step * options.batch, v={"loss/G": loss})
        if reached(step, updates, CHECKPOINTS):
            save()
        if time.monotonic() - alive > 5:
            alive = time.monotonic()
            emit(t="alive", wall=time.time())
    emit(t="done", step=step, reason="its budget is used up")
    return 0


class Model:
    """y = a + b x + c x^2 on intensities in [0, 1]; gradient descent on the mean of |error| or error^2."""

    def __init__(self, lr: float, loss: str) -> None:
        self.lr, self.loss = lr, loss
        self.device = "cpu"
        self.weights = [0.0, 0.0, 0.0]
        if torch:
            self.device = "cuda:0" if torch.cuda.is_available() else "cpu"
            self.tensor = torch.zeros(3, dtype=torch.float64, device=self.device, requires_grad=True)
            self.optimizer = torch.optim.SGD([self.tensor], lr=lr)

    def update(self, x, y) -> float:
        if torch:
            xs = torch.tensor(x, dtype=torch.float64, device=self.device)
            ys = torch.tensor(y, dtype=torch.float64, device=self.device)
            error = self.tensor[0] + self.tensor[1] * xs + self.tensor[2] * xs**2 - ys
            loss = error.abs().mean() if self.loss == "l1" else (error**2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return float(loss.detach())
        total, gradient = 0.0, [0.0, 0.0, 0.0]
        for at, target in zip(x, y):
            error = self.weights[0] + self.weights[1] * at + self.weights[2] * at * at - target
            total += abs(error) if self.loss == "l1" else error * error
            slope = (error > 0) - (error < 0) if self.loss == "l1" else 2 * error
            for power in range(3):
                gradient[power] += slope * at**power / len(x)
        self.weights = [weight - self.lr * g for weight, g in zip(self.weights, gradient)]
        return total / len(x)

    def state(self) -> list:
        return self.tensor.tolist() if torch else self.weights

    def load(self, state: list) -> None:
        self.weights = state
        if torch:
            with torch.no_grad():
                self.tensor.copy_(torch.tensor(state, dtype=torch.float64))


def reached(step: int, updates: int, parts: int) -> bool:
    """Whether this step is the first to reach another of `parts` equal parts of the budget."""
    return step * parts // updates > (step - 1) * parts // updates


def open_events(file: pathlib.Path):
    """What appends one event a line, whole, so that a crash leaves at most half of the last one."""
    file.parent.mkdir(parents=True, exist_ok=True)

    def emit(**event) -> None:
        line = json.dumps(event) + "\n"
        with open(file, "a", encoding="utf-8") as log:
            log.write(line)

    return emit


def listen_for_stop() -> threading.Event:
    """Set once the trial is to save and leave: on SIGTERM or SIGINT, or when the runner is gone."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())

    def watch() -> None:
        while os.read(0, 4096):  # not sys.stdin, whose lock a thread would hold when Python ends
            pass
        asked.set()

    if os.environ.get("SWEEP_LIFELINE") == "stdin":
        threading.Thread(target=watch, daemon=True).start()
    return asked


def save_checkpoint(trial: pathlib.Path, step: int, state: dict) -> str:
    """Written under another name and renamed when whole; the older ones go. The path is relative to the trial's folder."""
    folder = trial / "checkpoints"
    path = folder / f"step-{step}"
    if not path.exists():  # else the same step gave the same numbers
        unfinished = folder / f".step-{step}.{os.getpid()}"
        unfinished.mkdir(parents=True, exist_ok=True)
        with open(unfinished / "state.json", "w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    for older in folder.glob("step-*"):
        if older != path:
            shutil.rmtree(older)
    return f"checkpoints/step-{step}"


def pairs_of(data: dict):
    x, y = pathlib.Path(data["x"]), pathlib.Path(data["y"])
    return [(file, y / file.name) for file in sorted(x.glob("*.png")) if (y / file.name).exists()]


def draw_pixel(draw: random.Random, pairs):
    x, y = pairs[draw.randrange(len(pairs))]
    at = draw.randrange(min(len(x), len(y)))
    return x[at], y[at]


def read_png(file: pathlib.Path) -> list:
    """Intensities in [0, 1] of a grey PNG file of 8 or 16 bits without interlacing (the PNG standard, sections 9 and 11)."""
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
        print("an image is no grey PNG of 8 or 16 bits without interlacing", file=sys.stderr)
        sys.exit(65)
    size = bits // 8
    raw, row = zlib.decompress(packed), bytearray(width * size)
    values = []
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
            values.extend(value / 255 for value in row)
        else:
            values.extend((row[2 * i] * 256 + row[2 * i + 1]) / 65535 for i in range(width))
    return values


if __name__ == "__main__":
    sys.exit(main())
