"""What MLflow finds in a folder: `read_mlflow.py FOLDER`, as JSON on standard output.

`mlflow ui` is started in the folder, as a user would, and asked by MLflow's own client.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request

from mlflow import MlflowClient

server = subprocess.Popen(
    [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", "0"],
    cwd=sys.argv[1],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    text=True,
)
try:
    address = next(found[0] for line in server.stderr if (found := re.search(r"http://127[\d.]+:\d+", line)))
    threading.Thread(target=server.stderr.read, daemon=True).start()  # a full pipe would stop it
    page = urllib.request.urlopen(address).read().decode()
    client = MlflowClient(address)
    experiments = client.search_experiments()
    found = {"page": "<title>MLflow</title>" in page, "experiments": sorted(one.name for one in experiments), "runs": {}}
    for run in client.search_runs([one.experiment_id for one in experiments]):
        number = run.info.run_id
        with tempfile.TemporaryDirectory() as folder:
            artifacts = {
                one.path: pathlib.Path(client.download_artifacts(number, one.path, folder)).read_bytes().hex()
                for one in client.list_artifacts(number, "samples")
            }
        found["runs"][run.info.run_name] = {
            "status": run.info.status,
            "start": run.info.start_time,
            "end": run.info.end_time,
            "params": run.data.params,
            "tags": run.data.tags,
            "latest": {name: None if value != value else value for name, value in run.data.metrics.items()},
            "history": {
                name: sorted([one.step, None if one.value != one.value else one.value, one.timestamp] for one in client.get_metric_history(number, name))
                for name in run.data.metrics
            },
            "artifacts": artifacts,
        }
finally:
    server.terminate()
    server.wait()
json.dump(found, sys.stdout)
