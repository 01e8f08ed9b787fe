#!/bin/sh
# Makes .venv from the hashed locks: `install.sh app` (everything but torch), `install.sh learn` (with torch).
set -eu
cd "$(dirname "$0")/.."
what=${1:-learn}

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "overt needs Python 3.11 or newer; $("$python" --version) is what '$python' runs. Set PYTHON=..." >&2
  exit 2
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  else
    echo "Python's venv module is missing. Install it (Debian: apt-get install python3-venv), then run this again." >&2
    exit 2
  fi
fi
stamp=.venv/.installed-$what
if [ -f "$stamp" ] && [ -z "$(find requirements pyproject.toml -newer "$stamp" -type f | head -n 1)" ]; then exit 0; fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
[ -x .venv/bin/uv ] || .venv/bin/python -m pip install -q --disable-pip-version-check uv
echo "Installing what requirements/app.lock names into .venv ..."
.venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements/app.lock
.venv/bin/uv pip install -q --python .venv/bin/python --no-deps --require-hashes -r requirements/portable.lock
if [ "$what" = learn ] && ! .venv/bin/python -c 'import torch' 2>/dev/null; then
  echo "Installing torch: the CPU build where the index has it, else the default (several GB) ..."
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/torch-cpu.lock 2>/dev/null ||
    .venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements/torch.lock
fi
.venv/bin/uv pip install -q --python .venv/bin/python --no-deps -e .
touch "$stamp"
