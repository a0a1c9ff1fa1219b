"""What MLflow finds in a folder: `read_mlflow.py FOLDER`, as JSON on standard output.

`mlflow ui` is started in the folder as a user would, and asked by MLflow's own client.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

folder = pathlib.Path(sys.argv[1])
# The server names no port that it was given as 0, so one is asked of the system first.
import socket

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
server = subprocess.Popen(
    [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", str(port)],
    cwd=folder,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
