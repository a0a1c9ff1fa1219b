"""Runs what a page shows: `run_page.py PAGE`, in a folder that has what the page names. Prints what its Python drew and what its SQL found."""
import json
import pathlib
import re
import sys

import duckdb
import matplotlib

matplotlib.use("Agg")
blocks = re.findall(r"```(python|sql)\n(.*?)```", pathlib.Path(sys.argv[1]).read_text(), re.DOTALL)
found = {"lines": 0, "rows": []}
for language, text in blocks:
    if language == "sql":
        found["rows"].extend(duckdb.sql(text).fetchall())
    else:
        exec(text, {})
        found["lines"] += len(matplotlib.pyplot.gca().lines)
json.dump(found, sys.stdout)
