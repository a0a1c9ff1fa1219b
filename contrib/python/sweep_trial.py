"""A trial of CycleSweep in Python: one file without dependencies, to be copied beside any script (PyTorch, JAX, plain Python).

    import sweep_trial

    def train(trial):
        model, optimizer = ...                              # from trial.parameters and trial.seed
        if trial.resume:                                    # a checkpoint folder that `save` has filled
            model.load_state_dict(torch.load(trial.resume / "model.pt"))

        def save(folder):                                   # all that changes: weights, moments, states of random numbers
            torch.save(model.state_dict(), folder / "model.pt")

        trial.start(engine="pytorch", versions={"torch": torch.__version__})
        for step in trial.updates(save):                    # as many as the budget allows, from where the checkpoint was
            loss = ...
            if trial.due(100):
                trial.metric({"loss/G": float(loss)})

    if __name__ == "__main__":
        sweep_trial.run(train)

with `command: [python3, train.py]` in the sweep file. `updates` saves a checkpoint at every tenth of the budget and when the trial is asked to
stop (SIGTERM, or the runner is gone), and `run` turns what happens into the last event and the exit code. docs/trainers.md describes the contract
that this file keeps, for whoever needs more of it than is here. Python 3.8 or newer.
"""
import errno
import json
import math
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
import traceback

#: Exit codes of a trial.
DONE, CONFIGURATION_WRONG, DATA_WRONG, DEVICE_MISSING, FAULT, OUT_OF_MEMORY, DISK_FULL, TRY_AGAIN = 0, 64, 65, 69, 70, 71, 74, 75

#: Seconds between two signs of life.
ALIVE = 5.0


class TrialError(Exception):
    """What ends a trial with another code than that of a fault. Its message goes to the trial's output: name no patient in it."""

    code = FAULT


class ConfigurationError(TrialError):
    """A parameter or the budget is wrong: no other attempt is made."""

    code = CONFIGURATION_WRONG


class DataError(TrialError):
    """The data cannot be used: no other attempt is made."""

    code = DATA_WRONG


class DeviceError(TrialError):
    """The device is not there: another attempt is made after a longer pause."""

    code = DEVICE_MISSING


class TryAgain(TrialError):
    """Another attempt may do better."""

    code = TRY_AGAIN


class Stopped(Exception):
    """The trial was asked to stop and has saved a checkpoint. Raised by `Trial.updates`; let it pass."""


class Trial:
    """One attempt at a trial, as the environment describes it.

    Attributes: `folder` (of the trial), `config` (config.json, whole), `parameters` and `budget` (mappings), `data` (a mapping with the absolute
    folders `x` and `y`, `pairing`, `split`), `seed`, `attempt` (from 1), `device` ("cpu", "cuda:0": what a program calls the one GPU that it is
    shown), `threads`, `resume` (checkpoint folder to go on from, or None), `step` (updates done).
    """

    def __init__(self, environment=None):
        env = os.environ if environment is None else environment
        missing = [name for name in ("SWEEP_TRIAL_DIR", "SWEEP_EVENTS") if not env.get(name)]
        if missing:
            raise ConfigurationError(f"{missing[0]} is not set: this script is started by `sweep run`, as `command` of a sweep file")
        self.folder = pathlib.Path(env["SWEEP_TRIAL_DIR"])
        self.config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        self.parameters, self.budget = self.config["parameters"], self.config["budget"]
        self.data, self.seed = self.config["data"], self.config["seed"]
        self.attempt = int(env.get("SWEEP_ATTEMPT", "1"))
        self.threads = int(env.get("SWEEP_THREADS", "1"))
        # CUDA_VISIBLE_DEVICES shows a trial its own GPU alone, as number 0.
        self.given_device = env.get("SWEEP_DEVICE", "cpu")
        self.device = "cuda:0" if self.given_device.startswith("cuda") else "cpu"
        self.resume = pathlib.Path(env["SWEEP_RESUME"]) if env.get("SWEEP_RESUME") else None
        self.step, self.seconds = 0, 0.0
        if self.resume is not None:
            state = json.loads((self.resume / "trial.json").read_text(encoding="utf-8"))
            self.step, self.seconds = state["step"], state["seconds"]
        self._events = open(env["SWEEP_EVENTS"], "ab", buffering=0)
        self._lock = threading.Lock()
        self._stop, self._ended = threading.Event(), threading.Event()
        self._lifeline = env.get("SWEEP_LIFELINE") == "stdin"
        self._allowed, self._pixels = None, 0
        self._began, self._before = time.monotonic() - self.seconds, 0.0

    # What the trial says.

    def emit(self, t, **fields):
        """Appends one event. A line is written by one call, whole, so that a crash leaves at most half of the last one."""
        line = json.dumps({"t": t, **{name: value for name, value in fields.items() if value is not None}}) + "\n"
        with self._lock:
            if not self._ended.is_set():  # its end is what a trial says last
                self._events.write(line.encode("utf-8"))
            if t in ("done", "stopped"):
                self._ended.set()

    def start(self, engine="python", versions=None, pixels=0, epoch=None, device=None):
        """Says what computes; once, before the first update.

        engine: e.g. "pytorch"; versions: of libraries, by name; device: where it is not the one that was given.
        pixels: seen of each domain in one update. epoch: updates in which every image is seen once. A budget of pixels or of epochs needs them.
        """
        self._pixels, self._allowed = pixels, self._updates_allowed(pixels, epoch)
        versions = {"python": sys.version.split()[0], **(versions or {})}
        self.emit("start", engine=engine, engineReason="the sweep's command", device=device or self.given_device, threads=self.threads,
                  versions=versions, pid=os.getpid(), updates=self._allowed, **{"from": self.step})
        threading.Thread(target=self._say_alive, daemon=True).start()

    def metric(self, values, step=None):
        """Values by name, of the update that is being made or of another. Numbers alone: `float(loss)`. NaN is kept as no number."""
        step = self.step if step is None else step
        self.emit("metric", step=step, wall=time.time(), pixels=step * self._pixels, v=plain(values))

    def sample(self, name, role, png, step=None):
        """A picture, as the bytes of a PNG file. `role`: x, gx, fgx, y, diff. The name must not identify a patient."""
        step = self.step if step is None else step
        place = f"samples/{step}-{''.join(c if c.isalnum() else '_' for c in name)}-{role}.png"
        (self.folder / "samples").mkdir(exist_ok=True)
        (self.folder / place).write_bytes(png)
        self.emit("sample", step=step, name=name, path=place, role=role)

    def exam(self, values, images=(), split="test", step=None):
        """Scores on whole images. `images`: mappings of `index` (the image's place among the files of its domain) and `v` (its scores)."""
        step = self.step if step is None else step
        images = [{**image, "v": plain(image["v"])} for image in images]
        self.emit("exam", step=step, split=split, v=plain(values), images=images)

    def memory(self, peak):
        """Bytes that were held at most."""
        self.emit("memory", peak=int(peak))

    def warning(self, code, message, step=None):
        """Something to be shown in the report. Name no file and no patient."""
        self.emit("warning", step=self.step if step is None else step, code=code, message=message)

    # How it goes on and ends.

    @property
    def should_stop(self):
        """Whether the trial was asked to save and leave: for long work outside of `updates`, such as an exam."""
        return self._stop.is_set()

    def updates(self, save, checkpoints=10):
        """The numbers of the updates that are left, one after another, until the budget is used up.

        save: is given an empty folder and writes all that changes into it; called at each of `checkpoints` equal parts of the budget, and on a stop.
        """
        self._began = time.monotonic() - self.seconds
        while self._share() < 1:
            if self.should_stop:
                self.checkpoint(save)
                raise Stopped("asked to stop; saved a checkpoint")
            self._before, self.step = self._share(), self.step + 1
            yield self.step
            self.seconds = time.monotonic() - self._began
            if self.due(checkpoints):
                self.checkpoint(save)

    def due(self, parts):
        """Whether the update that is being made is the first to reach another of `parts` equal parts of the budget."""
        reached = [math.floor(share * parts + 1e-9) for share in (self._before, self._share())]
        return reached[0] < reached[1]

    def checkpoint(self, save):
        """A folder that is made under another name, written through to the disk, and renamed when it is whole; then the older ones go."""
        path = f"checkpoints/step-{self.step}"
        if not (self.folder / path).exists():  # else the same step gave the same numbers
            unfinished = self.folder / f"checkpoints/.step-{self.step}.{os.getpid()}"
            unfinished.mkdir(parents=True)
            save(unfinished)
            (unfinished / "trial.json").write_text(json.dumps({"step": self.step, "seconds": self.seconds}), encoding="utf-8")
            for file in unfinished.rglob("*"):
                if file.is_file():
                    with open(file, "rb+") as written:
                        os.fsync(written.fileno())
            unfinished.rename(self.folder / path)
        for older in (self.folder / "checkpoints").iterdir():
            if older.name != f"step-{self.step}":
                shutil.rmtree(older)
        size = sum(file.stat().st_size for file in (self.folder / path).rglob("*") if file.is_file())
        self.emit("checkpoint", step=self.step, kind="last", path=path, bytes=size)

    def _updates_allowed(self, pixels, epoch):
        (unit, amount), = self.budget.items()
        if unit == "updates":
            return amount
        if unit == "minutes":
            return None
        each = {"pixels": pixels and 1 / pixels, "epochs": epoch}[unit]
        if not each:
            raise ConfigurationError(f"this trainer does not count {unit}: give the sweep a budget of updates or minutes")
        return math.ceil(amount * each)

    def _share(self):
        """Of the budget that is used up, 0 to 1."""
        if "minutes" in self.budget:
            return min(1, (time.monotonic() - self._began) / (60 * self.budget["minutes"]))
        return self.step / self._allowed

    def _say_alive(self):
        # The count of updates tells the runner a trial that computes from one that hangs.
        while not self._ended.wait(ALIVE):
            self.emit("alive", wall=time.time(), progress=self.step)

    def listen(self):
        """From now on, a signal and the end of the runner ask the trial to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        if self._lifeline:
            threading.Thread(target=self._watch_lifeline, daemon=True).start()

    def _watch_lifeline(self):
        while os.read(0, 4096):  # not sys.stdin, whose lock a thread would hold when Python ends
            pass
        self._stop.set()


def run(train):
    """Runs `train(trial)`, says how it ended, and leaves the process with the exit code that tells the runner what to do."""
    try:
        trial = Trial()
        trial.listen()
        train(trial)
        trial.emit("done", step=trial.step, reason="its budget is used up")
    except Stopped as stopped:
        trial.emit("stopped", step=trial.step, reason=str(stopped))
    except TrialError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(error.code)
    except Exception as error:
        traceback.print_exc()
        sys.exit(code_of(error))
    sys.exit(DONE)


def code_of(error):
    """The exit code for what Python or PyTorch has thrown."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "out of memory" in str(error).lower():
        return OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return DISK_FULL
    return FAULT


def plain(values):
    """Python's own numbers; None where there is none, since JSON has no NaN."""
    numbers = {name: float(value) for name, value in values.items()}
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
