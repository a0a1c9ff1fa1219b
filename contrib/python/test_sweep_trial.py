"""python3 -m unittest contrib/python/test_sweep_trial.py"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = pathlib.Path(__file__).resolve().parent

#: Counts; its checkpoint holds the count. `body` stands in the loop.
SCRIPT = """
import os, signal, sys
sys.path.insert(0, {here!r})
import sweep_trial

def train(trial):
    count = int((trial.resume / "count").read_text()) if trial.resume else 0
    def save(folder):
        (folder / "count").write_text(str(count))
    trial.start(engine="test", versions={{"count": "1"}}, pixels=100, epoch=5)
    for step in trial.updates(save):
        count += 1
{body}

sweep_trial.run(train)
"""


class Trials(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.folder = pathlib.Path(self.place.name)

    def attempt(self, body="pass", budget=None, number=1, resume=None, **environment):
        """Runs one attempt; gives its exit code and its events."""
        config = {"parameters": {"lr": 0.1}, "seed": 7, "budget": budget or {"updates": 20}, "data": {"x": "/x", "y": "/y"}}
        (self.folder / "config.json").write_text(json.dumps(config))
        script = self.folder / "train.py"
        script.write_text(SCRIPT.format(here=str(HERE), body=textwrap.indent(textwrap.dedent(body), " " * 8)))
        events = self.folder / f"events-{number}.ndjson"
        env = {**os.environ, "SWEEP_TRIAL_DIR": str(self.folder), "SWEEP_EVENTS": str(events), "SWEEP_ATTEMPT": str(number), **environment}
        if resume:
            env["SWEEP_RESUME"] = str(self.folder / resume)
        done = subprocess.run([sys.executable, str(script)], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.output = done.stderr
        lines = events.read_text().splitlines() if events.exists() else []
        return done.returncode, [json.loads(line) for line in lines]

    def kinds(self, events, kind):
        return [event for event in events if event["t"] == kind]

    def test_a_budget_of_updates_is_used_up(self):
        code, events = self.attempt("if trial.due(5): trial.metric({'loss': step, 'odd': float('nan')})")
        self.assertEqual(code, 0)
        self.assertEqual([events[0]["t"], events[-1]["t"]], ["start", "done"])
        start = events[0]
        self.assertEqual([start["from"], start["updates"], start["engine"], start["versions"]["count"]], [0, 20, "test", "1"])
        metrics = self.kinds(events, "metric")
        self.assertEqual([event["step"] for event in metrics], [4, 8, 12, 16, 20])
        self.assertEqual([metrics[0]["v"], metrics[0]["pixels"]], [{"loss": 4.0, "odd": None}, 400])
        self.assertEqual([event["step"] for event in self.kinds(events, "checkpoint")], list(range(2, 21, 2)))
        self.assertEqual([path.name for path in (self.folder / "checkpoints").iterdir()], ["step-20"])

    def test_budgets_of_pixels_epochs_and_minutes(self):
        for budget, updates in (({"pixels": 950}, 10), ({"epochs": 3}, 15), ({"minutes": 0.001}, None)):
            _, events = self.attempt(budget=budget)
            self.assertEqual(events[0].get("updates"), updates)
            self.assertEqual(events[-1]["t"], "done")
            if updates:
                self.assertEqual(events[-1]["step"], updates)
            (self.folder / "events-1.ndjson").unlink()

    def test_sigterm_saves_and_the_next_attempt_goes_on_to_the_same_end(self):
        code, events = self.attempt("if step == 7: os.kill(os.getpid(), signal.SIGTERM)")
        self.assertEqual(code, 0)
        self.assertEqual([events[-1]["t"], events[-1]["step"]], ["stopped", 7])
        self.assertEqual(events[-2]["path"], "checkpoints/step-7")
        code, events = self.attempt(number=2, resume="checkpoints/step-7")
        self.assertEqual([code, events[0]["from"], events[-1]["t"], events[-1]["step"]], [0, 7, "done", 20])
        self.assertEqual((self.folder / "checkpoints/step-20/count").read_text(), "20")

    def test_a_killed_attempt_leaves_its_last_checkpoint_whole(self):
        code, events = self.attempt("if step == 7: os.kill(os.getpid(), signal.SIGKILL)")
        self.assertEqual(code, -signal.SIGKILL)
        self.assertEqual(events[-1]["path"], "checkpoints/step-6")
        _, events = self.attempt(number=2, resume="checkpoints/step-6")
        self.assertEqual((self.folder / "checkpoints/step-20/count").read_text(), "20")

    def test_the_end_of_the_lifeline_stops_it(self):
        # Standard input is at its end from the start.
        body = "while not trial.should_stop: pass"
        code, events = self.attempt(body, SWEEP_LIFELINE="stdin")
        self.assertEqual([code, events[-1]["t"]], [0, "stopped"])

    def test_exit_codes(self):
        for body, code in (
            ("raise sweep_trial.ConfigurationError('lr')", 64),
            ("raise sweep_trial.DataError('x')", 65),
            ("raise sweep_trial.DeviceError('gpu')", 69),
            ("raise ValueError('odd')", 70),
            ("raise MemoryError", 71),
            ("raise RuntimeError('CUDA out of memory. Tried to allocate')", 71),
            ("raise OSError(28, 'No space left on device')", 74),
            ("raise sweep_trial.TryAgain('later')", 75),
        ):
            with self.subTest(body):
                found, events = self.attempt(body)
                self.assertEqual(found, code)
                self.assertNotIn("done", [event["t"] for event in events])

    def test_it_says_what_is_missing_without_a_runner(self):
        code, _ = self.attempt(SWEEP_EVENTS="")
        self.assertEqual(code, 64)
        self.assertIn("SWEEP_EVENTS is not set", self.output)

    def test_pictures_exams_and_life(self):
        body = """
            if step == 20:
                trial.sample("image 3", "gx", b"png")
                trial.exam({"exam/psnr": 20}, [{"index": 3, "v": {"exam/psnr": 20}}])
                while b'"alive"' not in open(os.environ["SWEEP_EVENTS"], "rb").read():
                    pass  # it says so from a thread of its own, also while an update takes long
        """
        _, events = self.attempt(body)
        self.assertEqual(self.kinds(events, "sample")[0]["path"], "samples/20-image_3-gx.png")
        self.assertEqual((self.folder / "samples/20-image_3-gx.png").read_bytes(), b"png")
        self.assertEqual(self.kinds(events, "exam")[0]["images"], [{"index": 3, "v": {"exam/psnr": 20.0}}])
        self.assertEqual(self.kinds(events, "alive")[-1]["progress"], 20)


if __name__ == "__main__":
    unittest.main()
