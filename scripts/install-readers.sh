#!/usr/bin/env bash
# Installs the programs that exports are read with in the tests (pandas, DuckDB, TensorBoard, MLflow) into a folder of their own in the
# user's cache. Does nothing where they are there already.
set -euo pipefail
cd "$(dirname "$0")/.."

list=test/readers/requirements.txt
folder="${CYCLESWEEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cyclesweep}/readers"
if cmp -s "$list" "$folder/requirements.txt"; then
  echo "The readers of exports are installed."
  exit 0
fi
rm -rf "$folder"
# Debian's Python makes an environment without pip; its own pip then fills it.
python3 -m venv --without-pip "$folder"
python3 -m pip --python "$folder/bin/python" install -q --no-compile -r "$list"
cp "$list" "$folder/"
