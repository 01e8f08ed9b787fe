#!/bin/sh
# Writes the lock files anew: versions and hashes, no index addresses.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
common="-q --generate-hashes --universal --python-version 3.11 --no-header --no-annotate"
# shellcheck disable=SC2086
"$uv" pip compile $common --extra mask --extra server --extra research --extra benchmark \
  --group dev pyproject.toml requirements/torch-needs.in -o requirements/app.lock "$@"
# shellcheck disable=SC2086
"$uv" pip compile $common -c requirements/app.lock requirements/torch.in -o requirements/torch.lock "$@"
