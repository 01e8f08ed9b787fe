"""`make bench-masking`: what masking leaves, covers and costs, beside others.

Stage: bench. Input: none; samples are made from seeds. Output:
`bench-report/masking.json` and a summary on the terminal. A part that is not named
keeps what its last run wrote.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

REPORT = Path("bench-report/masking.json")
# each has `report() -> dict`
PARTS = {"text": "bench.privacy.text", "pixels": "bench.privacy.screens"}


def main(names: list[str]) -> None:
    """Run the parts that are named, or all."""
    body: dict[str, Any] = {}
    if REPORT.exists():
        body = json.loads(REPORT.read_text())
    for name in names or PARTS:
        if importlib.util.find_spec(PARTS[name]) is not None:
            body[name] = importlib.import_module(PARTS[name]).report()
    REPORT.parent.mkdir(exist_ok=True)
    fresh = REPORT.with_suffix(".new")
    fresh.write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")
    fresh.replace(REPORT)
    print(f"Written: {REPORT}")


if __name__ == "__main__":
    main(sys.argv[1:])
