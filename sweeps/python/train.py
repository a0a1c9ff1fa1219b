#!/usr/bin/env python3
"""The shortest whole trainer that is not CycleSweep's own: Python alone, nothing to install. docs/trainers.md explains each part.

It fits a line to noisy points by stochastic gradient descent. Put your own model, data and update in the place of what is marked.
"""
import argparse
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

arguments = argparse.ArgumentParser()
arguments.add_argument("--lr", type=float, required=True)
arguments.add_argument("--noise", type=float, default=0.5)
arguments.add_argument("--pause", type=float, default=0.0, help="seconds that an update takes longer, to watch it")
options = arguments.parse_args()

# What the trial is given: its folder, where events go, the checkpoint to go on from.
trial = pathlib.Path(os.environ["SWEEP_TRIAL_DIR"])
config = json.loads((trial / "config.json").read_text())
updates = config["budget"].get("updates")
if updates is None:
    print("this trainer counts updates: give the sweep a budget of updates", file=sys.stderr)
    sys.exit(64)  # the configuration is wrong: no other attempt is made
events = open(os.environ["SWEEP_EVENTS"], "a", buffering=1, encoding="utf-8")  # a line is written as soon as it is whole


def emit(**event):
    events.write(json.dumps(event) + "\n")


# To stop: a signal, or the end of standard input, which says that the runner is gone.
stop = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stop.set())


def watch_lifeline():
    while os.read(0, 4096):
        pass
    stop.set()


if os.environ.get("SWEEP_LIFELINE") == "stdin":
    threading.Thread(target=watch_lifeline, daemon=True).start()


def save():
    """A folder made under another name, written through to the disk, renamed when whole; only then do the older ones go."""
    name = f"checkpoints/step-{step}"
    text = json.dumps({"step": step, "model": model, "random": draw.getstate()})
    if not (trial / name).exists():
        unfinished = trial / f"checkpoints/.step-{step}.{os.getpid()}"
        unfinished.mkdir(parents=True, exist_ok=True)
        with open(unfinished / "state.json", "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(trial / name)
    for older in (trial / "checkpoints").glob("step-*"):
        if older.name != f"step-{step}":
            (older / "state.json").unlink()
            older.rmdir()
    emit(t="checkpoint", step=step, kind="last", path=name, bytes=len(text))


# --- Your data and your model: everything that changes belongs into the checkpoint, the random state too.
draw = random.Random(config["seed"])
step, model = 0, {"a": 0.0, "b": 0.0}


def draw_point():
    x = draw.uniform(-1, 1)
    return x, 2 * x + 1 + draw.gauss(0, options.noise)


held_out = [(x / 50 - 1, 2 * (x / 50 - 1) + 1) for x in range(101)]
# ---

resume = os.environ.get("SWEEP_RESUME")
if resume:
    state = json.loads((pathlib.Path(resume) / "state.json").read_text())
    step, model = state["step"], state["model"]
    version, internal, gauss = state["random"]
    draw.setstate((version, tuple(internal), gauss))

emit(t="start", engine="python", engineReason="the sweep's command", device="cpu", threads=1, pid=os.getpid(),
     updates=updates, versions={"python": sys.version.split()[0]}, **{"from": step})
spoke = time.monotonic()
while step < updates:
    if stop.is_set():
        save()
        emit(t="stopped", step=step, reason="asked to stop; saved a checkpoint")
        sys.exit(0)

    # --- Your update.
    x, y = draw_point()
    error = model["a"] + model["b"] * x - y
    model = {"a": model["a"] - options.lr * 2 * error, "b": model["b"] - options.lr * 2 * error * x}
    step += 1
    time.sleep(options.pause)
    # ---

    tenth = step * 10 // updates > (step - 1) * 10 // updates
    values = {"loss/squared": error**2}
    if tenth:
        values["val/error"] = sum((model["a"] + model["b"] * x - y) ** 2 for x, y in held_out) / len(held_out)
    if tenth or step * 100 // updates > (step - 1) * 100 // updates:
        emit(t="metric", step=step, wall=time.time(), pixels=0, v=values)
    if tenth:
        save()
    if time.monotonic() - spoke > 5:
        spoke = time.monotonic()
        emit(t="alive", wall=time.time())
emit(t="done", step=step, reason="its budget is used up")
