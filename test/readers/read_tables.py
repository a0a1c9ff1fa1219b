"""What pandas and DuckDB find in an export: `read_tables.py FOLDER csv|json|ndjson|parquet`, as JSON on standard output."""
import json
import pathlib
import sys

import duckdb
import pandas as pd

folder, form = pathlib.Path(sys.argv[1]), sys.argv[2]

if form == "json":
    document = json.loads((folder / "sweep.json").read_text())
    frames = {name: pd.DataFrame(rows) for name, rows in document.items() if name != "sweep"}
else:
    read = {
        "csv": lambda file: pd.read_csv(file, float_precision="round_trip"),
        "ndjson": lambda file: pd.read_json(file, lines=True, precise_float=True),
        "parquet": pd.read_parquet,
    }[form]
    names = [file.stem for file in folder.glob(f"*.{form}")]
    frames = {name: read(folder / f"{name}.{form}") for name in names}

metrics = frames["metrics"]
found = {
    "rows": {name: len(frame) for name, frame in frames.items()},
    "types": {name: str(dtype) for name, dtype in metrics.dtypes.items()},
    "points": [
        {**row, "value": None if pd.isna(row["value"]) else row["value"]}
        for row in metrics[["trial", "metric", "step", "value"]].to_dict("records")
    ],
    "trials": json.loads(frames["trials"].to_json(orient="records")),
    "files": list(frames["samples"]["file"]),
}
if form != "json":
    # The question of every sweep, asked by another reader: the last value of a metric, by setting.
    found["asked"] = duckdb.sql(f"""
        select param_patch, count(*) from '{folder}/metrics.{form}' join '{folder}/trials.{form}' using (trial)
        where metric = 'loss/G' group by param_patch order by param_patch
    """).fetchall()
json.dump(found, sys.stdout)
