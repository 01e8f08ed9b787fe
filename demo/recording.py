"""Recording: two participants at two displays at once; then what they recorded.

Input: two enrolled homes. Output: spools, the workers' accounts, and the figures of
the recorders.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from demo.run import Run, StageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = (640, 420)
_TO_THE_PERSON = """\
A browser window opens on this display, and a red sign at its upper right: from then on
this window is recorded, and nothing else. Do what the yellow bar asks, {total} times;
the next task comes by itself. Keep the window whole and uncovered; you have a minute
each. A click on the red sign pauses."""


def record(run: Run) -> dict[str, Any]:
    """Let the participants do their share of every task."""
    plans = [_plan(run, person) for person in run.participants]
    total = sum(len(plan["tasks"]) for plan in plans)
    if run.config.human:
        print(_TO_THE_PERSON.format(total=total))
    workers = []
    for plan in plans:
        file = run.folder / f"plan-{plan['person']}.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "demo.participant", str(file)],
                env=run.env(),
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    outcomes = _follow(run, workers, total)
    summaries = [_summary(run, person) for person in run.participants]
    return {
        "episodes_recorded": dict(outcomes),
        "recorder_cpu_share": round(max(item["cpu_share"] for item in summaries), 4),
        "recording_seconds": round(max(item["seconds"] for item in summaries), 1),
        "recorder_exit_codes": [item["exit_code"] for item in summaries],
        "indicators": [item["indicator"] for item in summaries],
        "source": source(run),
        "pace": run.config.pace,
    }


def source(run: Run) -> str:
    """Return who did the tasks, as every table says."""
    return "person" if run.config.human else "scripted worker"


def _plan(run: Run, person: int) -> dict[str, Any]:
    config, folder = run.config, run.folder
    tasks = [
        (task, f"train-{number}")
        for task in config.tasks
        for number in range(config.demos)
        if number % len(run.participants) == person - 1
    ]
    tasks += [
        (task, f"privacy-{person}-{number}")
        for task in config.privacy
        if task not in config.tasks
        for number in range(config.privacy_demos)
    ]
    return {
        "person": person,
        "home": str(run.home(person)),
        "pages_url": run.state.figures["pages_url"],
        "size": SIZE,
        "tasks": tasks,
        "human": config.human,
        "pace": config.pace,
        "seed": person,
        "source": source(run),
        "account": str(folder / f"worker-{person}"),
        "marks": str(folder / f"marks-{person}.jsonl"),
        "summary": str(folder / f"summary-{person}.json"),
        "recorder_log": str(folder / f"recorder-{person}.log"),
    }


def _summary(run: Run, person: int) -> dict[str, Any]:
    path = run.folder / f"summary-{person}.json"
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return body


def _follow(run: Run, workers: list[subprocess.Popen[str]], total: int) -> Counter[str]:
    """Show progress until both have ended; count the outcomes.

    Raises:
        StageError: A desk failed; the other one is ended too.
    """
    outcomes: Counter[str] = Counter()
    try:
        with Progress(transient=True) as progress:
            bar = progress.add_task("recording", total=total)
            for line in _lines(workers):
                outcomes[str(json.loads(line)["status"])] += 1
                progress.advance(bar)
        codes = [worker.wait() for worker in workers]
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()
    for person, code in zip(run.participants, codes, strict=True):
        if code:
            log = (run.folder / f"recorder-{person}.log").read_text("utf-8").strip()
            raise StageError(
                f"the desk of participant {person} ended with {code};"
                f" its recorder said: {log[-300:]}"
            )
    return outcomes


def _lines(workers: list[subprocess.Popen[str]]) -> Iterator[str]:
    """Yield what the desks print, as it comes, until all have ended."""
    with selectors.DefaultSelector() as ready:
        for worker in workers:
            if worker.stdout is not None:
                ready.register(worker.stdout, selectors.EVENT_READ, worker.stdout)
        while ready.get_map():
            for key, _ in ready.select():
                if line := key.data.readline():
                    yield line
                else:
                    ready.unregister(key.fileobj)


def accounts(run: Run) -> dict[str, tuple[dict[str, Any], Path, int]]:
    """Return the workers' accounts by episode id: account, its folder, its number.

    Empty where a person did the tasks: nobody keeps an account of them.
    """
    from overt.research.evaluate.account import Account

    found = {}
    for person in run.participants:
        folder = run.folder / f"worker-{person}"
        marks = run.folder / f"marks-{person}.jsonl"
        episodes = {item["number"]: item for item in Account(folder).episodes()}
        for line in marks.read_text(encoding="utf-8").splitlines():
            mark = json.loads(line)
            number = int(mark["number"])
            found[str(mark["episode"])] = (episodes[number], folder, number)
    return found
