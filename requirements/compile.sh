#!/bin/sh
# Writes the lock files anew: versions and hashes, no index addresses.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
common="-q --generate-hashes --universal --python-version 3.11 --no-header --no-annotate"
# shellcheck disable=SC2086
"$uv" pip compile $common --extra mask --extra ocr --extra keyring --extra server \
  --extra postgresql --extra pkcs11 --extra aws --extra research --extra benchmark \
  --group dev pyproject.toml requirements/torch-needs.in -o requirements/app.lock "$@"
# pynput asks for evdev, which has no wheel and which its X11 side does not import
# shellcheck disable=SC2086
"$uv" pip compile $common --no-deps requirements/portable.in -o requirements/portable.lock "$@"
# shellcheck disable=SC2086
"$uv" pip compile $common -c requirements/app.lock requirements/torch.in -o requirements/torch.lock "$@"
