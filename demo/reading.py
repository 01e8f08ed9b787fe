"""From the participants' machines to a dataset: review, send, request, release, refine.

Input: recorded spools. Output: receipts, a grant, a release that only the job opens,
a sealed dataset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demo.founding import Servers
    from demo.run import Run


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


def request_and_release(run: Run, servers: Servers) -> dict[str, Any]:
    """A researcher asks, two people approve, the broker releases."""
    folder, job = run.folder / "programme", run.folder / "job"
    server = {"OVERT_SERVER": servers.vault, "OVERT_BROKER": servers.broker}
    if not (job / "request.json").exists():
        run.overt(
            "access", "request", "--as", run.key("rene"), "--name", "rene",
            "--folder", folder, "--purpose", "train-agents", "--region", "EU",
            "--reason", "train and test the demonstration's agent",
            "--export", "demo-report on this machine", "--job", job, **server,
        )  # fmt: skip
    asked = run.overt("access", "list", "--as", run.key("rene"), **server)
    request = asked[-1]["request"]
    for name in ("rita", "omar"):
        run.overt(
            "access", "approve", request, "--yes", "--as", run.key(name),
            "--name", name, "--folder", folder, **server,
        )  # fmt: skip
    released = run.overt("release", "--as", run.key("rene"), "--job", job, **server)
    return {"request": request, "segments_released": released["segments"]}


def refine(run: Run) -> dict[str, Any]:
    """Make the dataset from the released segments alone."""
    made = run.overt(
        "refine", "--job", run.folder / "job",
    )  # fmt: skip
    return {
        "steps": made["rows"],
        "episodes": made["episodes"],
        "episodes_dropped": made["dropped"],
        "dataset_findings": made["findings"],
    }
