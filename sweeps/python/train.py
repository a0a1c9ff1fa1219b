#!/usr/bin/env python3
"""The shortest whole trainer that is not CycleSweep's own: Python alone, nothing to install.

It fits a line to noisy points by stochastic gradient descent. Put your own model, data and update in the place of what is marked.
contrib/python/sweep_trial.py keeps the contract of a trial (docs/trainers.md): copy it beside a trainer of your own.
"""
import argparse
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "contrib" / "python"))
import sweep_trial  # noqa: E402

arguments = argparse.ArgumentParser()
arguments.add_argument("--lr", type=float, required=True)
arguments.add_argument("--noise", type=float, default=0.5)
arguments.add_argument("--pause", type=float, default=0.0, help="seconds that an update takes longer, to watch it")
options = arguments.parse_args()


def train(trial):
    # --- Your data and your model: everything that changes belongs into the checkpoint, the random state too.
    draw = random.Random(trial.seed)
    model = {"a": 0.0, "b": 0.0}
    held_out = [(x / 50 - 1, 2 * (x / 50 - 1) + 1) for x in range(101)]
    if trial.resume:
        state = json.loads((trial.resume / "state.json").read_text())
        model = state["model"]
        version, internal, gauss = state["random"]
        draw.setstate((version, tuple(internal), gauss))

    def save(folder):
        (folder / "state.json").write_text(json.dumps({"model": model, "random": draw.getstate()}))
    # ---

    trial.start()
    for _ in trial.updates(save):
        # --- Your update.
        x = draw.uniform(-1, 1)
        error = model["a"] + model["b"] * x - (2 * x + 1 + draw.gauss(0, options.noise))
        model = {"a": model["a"] - options.lr * 2 * error, "b": model["b"] - options.lr * 2 * error * x}
        time.sleep(options.pause)
        # ---
        values = {"loss/squared": error**2}
        if trial.due(10):
            values["val/error"] = sum((model["a"] + model["b"] * x - y) ** 2 for x, y in held_out) / len(held_out)
        if trial.due(100):
            trial.metric(values)


sweep_trial.run(train)
