"""What TensorBoard finds in a folder: `read_tensorboard.py FOLDER`, as JSON on standard output.

`runs` is read by its Python reader, `served` asked of its server, which reads files by another program (in Rust).
"""
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder = pathlib.Path(sys.argv[1])
ALL = {"scalars": 0, "images": 0}


def number(value):
    return None if value != value or value == "NaN" else value  # the server spells it


def read(run):
    events = EventAccumulator(str(folder / run), size_guidance=ALL)
    events.Reload()
    tags = events.Tags()
    return {
        "scalars": {tag: [[one.step, number(one.value)] for one in events.Scalars(tag)] for tag in tags["scalars"]},
        "walls": {tag: [one.wall_time for one in events.Scalars(tag)] for tag in tags["scalars"]},
        "images": {tag: [[one.step, one.width, one.height] for one in events.Images(tag)] for tag in tags["images"]},
    }


runs = {path.name: read(path.name) for path in folder.iterdir() if path.is_dir()}
server = subprocess.Popen(
    [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", "0", "--host", "127.0.0.1"],
    stderr=subprocess.PIPE,
    text=True,
)
try:
    address = next(found[0] for line in server.stderr if (found := re.search(r"http://[\w.]+:\d+", line)))

    def ask(path, body=None, **query):
        url = f"{address}/data/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def loaded():
        tags = json.loads(ask("plugin/scalars/tags"))
        return all(set(run["scalars"]) == set(tags.get(name, ())) for name, run in runs.items())

    while not loaded():
        time.sleep(0.2)
    served = {
        run: {
            tag: [[step, number(value)] for _, step, value in json.loads(ask("plugin/scalars/scalars", run=run, tag=tag))]
            for tag in tags
        }
        for run, tags in json.loads(ask("plugin/scalars/tags")).items()
    }
    pictures = {
        run: {
            tag: [
                ask(f"plugin/images/individualImage?{one['query']}").hex()
                for one in json.loads(ask("plugin/images/images", run=run, tag=tag, sample=0))
            ]
            for tag in tags
        }
        for run, tags in json.loads(ask("plugin/images/tags")).items()
    }
    experiment = json.loads(ask("plugin/hparams/experiment", body={}))
    columns = [{"metric": one["name"]} for one in experiment["metricInfos"]]
    statuses = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    asked = {"colParams": columns, "allowedStatuses": statuses, "sliceSize": 100}
    groups = json.loads(ask("plugin/hparams/session_groups", body=asked))["sessionGroups"]
finally:
    server.terminate()
    server.wait()

json.dump(
    {
        "runs": runs,
        "served": served,
        "pictures": pictures,
        "question": experiment["description"],
        "hyperparameters": {one["name"]: one.get("domainDiscrete") for one in experiment["hparamInfos"]},
        "sessions": {
            one["sessions"][0]["name"]: {
                "status": one["sessions"][0]["status"],
                "hyperparameters": one["hparams"],
                "metrics": {value["name"]["tag"]: number(float(value["value"])) for value in one["metricValues"]},
            }
            for one in groups
        },
    },
    sys.stdout,
)
