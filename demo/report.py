"""The end of the demonstration: `report.json`, a page with pictures, a table.

Input: a run whose stages are done. Output: `demo-report/` and the exit code, which
tells of integrity (counts, canaries, log, processes), never of success rates.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.table import Table

from demo import reading

if TYPE_CHECKING:
    from rich.console import Console

    from demo.run import Run

POLICIES = ("trained", "blind", "replay", "untrained", "random")
_TEMPLATES = Path(__file__).parent / "templates"


def integrity(figures: dict[str, Any]) -> dict[str, bool]:
    """Return what must hold, each with whether it does.

    What needs an account of what was done is asked only where a script kept one.
    """
    return _told_by_account(figures) | {
        "every segment sent was received": (
            figures["segments_sent"] == figures["segments_received"]
        ),
        "every key unwrapped stands in the log as a read": (
            figures["reads_logged"] == figures["key_unwraps"] > 0
        ),
        "all that was derived is registered": (
            figures["derived_made"] == figures["derived_registered"] > 0
        ),
        "the dataset in clear was exported under a grant that names the recipient": (
            figures["exported_to"] == reading.RECIPIENT
        ),
        "the log verifies": figures["log_verified"],
        "no canary lies readable in vault, spool or logs": (
            figures["canaries_in_store"] == 0
        ),
        "the same search finds every canary once unsealed": (
            figures["canaries_found_unsealed"] == figures["canaries_planted"] >= 10
        ),
        "no password is among the recorded keys": (
            figures["passwords_found_in_keys"] == 0
        ),
        "every recorder ended in order": not any(figures["recorder_exit_codes"]),
        "no path, address or canary stands in the dataset's texts": (
            not figures["dataset_findings"]
        ),
    }


def _told_by_account(figures: dict[str, Any]) -> dict[str, bool]:
    if figures["events_injected"] is None:
        return {}
    wanted = figures["events_injected"] - figures["events_withheld"]
    return {
        "every event injected outside password fields was recorded": (
            figures["events_recorded"] == wanted and not figures["event_differences"]
        ),
        "every action was rebuilt as it was done": not figures["action_mismatches"],
    }


def write(run: Run, folder: Path, console: Console) -> int:
    """Write the report, print the table, return the exit code."""
    figures = run.state.figures
    checks = integrity(figures)
    folder.mkdir(parents=True, exist_ok=True)
    body = figures | {"seconds": run.state.seconds, "integrity": checks}
    (folder / "report.json").write_text(json.dumps(body, indent=1), encoding="utf-8")
    _write_page(run, folder, checks)
    _print(run, folder, checks, console)
    return 0 if all(checks.values()) else 1


def _write_page(run: Run, folder: Path, checks: dict[str, bool]) -> None:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("report.html").render(
        figures=run.state.figures,
        seconds=run.state.seconds,
        checks=checks,
        policies=POLICIES,
        episodes=_episodes(run, folder),
        reads=run.state.figures["reads"],
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def _episodes(run: Run, folder: Path) -> list[dict[str, Any]]:
    """Write the frames of the two longest episodes; return what to show of them."""
    by_episode: dict[str, list[dict[str, Any]]] = {}
    for row in reading.rows(run):
        by_episode.setdefault(row["episode"], []).append(row)
    longest = sorted(by_episode.values(), key=lambda rows: -len(rows))
    kinds = {rows[0]["goal"][:12]: rows for rows in reversed(longest)}
    shown = sorted(kinds.values(), key=lambda rows: -len(rows))[:3]
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    return [_episode(rows, number, pictures) for number, rows in enumerate(shown)]


def _episode(rows: list[dict[str, Any]], number: int, pictures: Path) -> dict[str, Any]:
    rows = sorted(rows, key=lambda row: row["step"])
    steps = []
    for row in rows:
        name = f"episode-{number}-step-{row['step']}.png"
        (pictures / name).write_bytes(row["frame_decide"]["bytes"])
        steps.append(
            {
                "picture": f"pictures/{name}",
                "action": row["action"],
                "text": describe(row["action"]),
                "second": round(row["t_ms"] / 1e3, 1),
            }
        )
    return {"goal": rows[0]["goal"], "status": rows[0]["status"], "steps": steps}


def describe(action: dict[str, Any]) -> str:
    """Return an action in words."""
    match action["action"]:
        case "click":
            times = {1: "click", 2: "double click"}.get(action["count"], "clicks")
            return f"{times} at {action['x_px']}, {action['y_px']}"
        case "type":
            return "type (secret)" if action["secret"] else f"type “{action['text']}”"
        case "key":
            return f"press {action['combo']}"
        case "done":
            return f"end: {action['status']}"
    return str(action["action"])


def _print(run: Run, folder: Path, checks: dict[str, bool], console: Console) -> None:
    figures = run.state.figures
    table = Table(title=f"Success on unseen seeds ({figures['source']})")
    table.add_column("task")
    for policy in POLICIES:
        table.add_column(policy, justify="right")
    for task in run.config.tasks:
        cells = [figures["evaluation"][policy].get(task) for policy in POLICIES]
        table.add_row(task, *(_cell(cell) for cell in cells))
    means = [f"{figures[f'{policy}_mean']:.2f}" for policy in POLICIES]
    table.add_row("mean", *means, style="bold")
    console.print(table)
    for sentence, holds in checks.items():
        console.print(("[green]yes[/]  " if holds else "[red]NO[/]   ") + sentence)
    _print_ways_on(run, folder, console)


def _cell(cell: dict[str, Any] | None) -> str:
    return "" if cell is None else f"{cell['successes']}/{cell['episodes']}"


def _print_ways_on(run: Run, folder: Path, console: Console) -> None:
    """Say how the pages open: on the server, and on a participant's machine."""
    port, broker_port = run.state.figures["ports"]
    base = f"OVERT_PASSPHRASE_FILE={run.passphrase_file}"
    programme = run.folder / "programme"
    ways = {
        f"Report: {folder}/index.html, {folder}/report.json": "",
        "Start the servers again (leave them running):": (
            f"{base} .venv/bin/overt serve --data {run.folder / 'server'}"
            f" --programme {programme} --port {port} --broker-port {broker_port}"
        ),
        "The server's pages, which never show content, for the approver omar"
        " (stella is steward, ada auditor):": (
            f"{base} .venv/bin/overt console open --server http://127.0.0.1:{port}"
            f" --folder {programme} --as {run.key('omar')} --name omar"
        ),
        "A participant's own pages: recorded, sent, who read it, withdraw:": (
            f"{base} OVERT_HOME={run.home(1)} .venv/bin/overt my"
        ),
    }
    for sentence, command in ways.items():
        console.print(f"\n{sentence}")
        if command:
            console.print(f"  {command}", soft_wrap=True)
