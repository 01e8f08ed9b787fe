"""From the participants' machines to a dataset: review, send, request, release, refine.

Input: recorded spools. Output: receipts, a grant, a release that only the job opens,
a sealed dataset; and an export of it, under a grant of its own, for the report.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from overt.cli.jobs import DATASET, REQUEST, read_request
from overt.cli.making import registered

if TYPE_CHECKING:
    from pathlib import Path

    from demo.run import Run

CLEAR = "clear"  # the folder of what was exported, in the run's
RECIPIENT = "demo-report on this machine"


def review_and_send(run: Run) -> dict[str, Any]:
    """The participants look at what waits, approve it and send it."""
    sent = waited = 0
    for person in run.participants:
        home = {"OVERT_HOME": str(run.home(person))}
        listed = run.overt("review", **home)
        waited += len(listed["segments"])
        run.overt("review", "--approve-all", **home)
        sent += len(run.overt("send", **home)["sent"])
    return {"segments_waiting": waited, "segments_sent": sent}


def request_and_release(run: Run) -> dict[str, Any]:
    """A researcher asks, two people approve, the broker releases."""
    job = run.folder / "job"
    _ask(run, job, "train and test the demonstration's agent")
    request = read_request(job)["request"]
    _approve(run, request)
    released = run.overt("release", *run.job)
    return {"request": request, "segments_released": released["segments"]}


def _ask(run: Run, job: Path, reason: str, *more: str) -> None:
    """Ask for access, unless an earlier try of the stage did."""
    if not (job / REQUEST).exists():
        run.overt(
            "access", "request", "--as", run.key("rene"), "--name", "rene",
            "--folder", run.folder / "programme", "--purpose", "train-agents",
            "--region", "EU", "--reason", reason, "--job", job, *more,
        )  # fmt: skip


def _approve(run: Run, request: str) -> None:
    for name in ("rita", "omar"):
        run.overt(
            "access", "approve", request, "--yes", "--as", run.key(name),
            "--name", name, "--folder", run.folder / "programme",
        )  # fmt: skip


def refine(run: Run) -> dict[str, Any]:
    """Make the dataset from the released segments alone."""
    made = run.overt("refine", *run.job)
    return {
        "steps": made["rows"],
        "episodes": made["episodes"],
        "episodes_dropped": made["dropped"],
        "dataset_findings": made["findings"],
    }


def export(run: Run) -> dict[str, Any]:
    """Export the dataset in clear for the report, under a grant that names both."""
    dataset = registered(run.folder / "job" / DATASET).derived
    asked = run.folder / "export"
    _ask(
        run, asked, "show steps and count them in the report",
        "--export", RECIPIENT, "--derived", dataset,
    )  # fmt: skip
    request = read_request(asked)["request"]
    _approve(run, request)
    shutil.rmtree(run.folder / CLEAR, ignore_errors=True)
    made = run.overt(
        "derived", "export", *run.job, "--request", request, "--to", RECIPIENT,
        "-o", run.folder / CLEAR,
    )  # fmt: skip
    return {"exported_to": made["recipient"], "export_request": request}


def rows(run: Run) -> list[dict[str, Any]]:
    """Return the rows that were exported for the report."""
    return [
        row | {"action": json.loads(row["action"])}
        for shard in sorted((run.folder / CLEAR).glob("*.parquet"))
        for row in pq.read_table(shard).to_pylist()
    ]
