"""One participant at their desk: recorder, browser and worker, a process of its own.

Input: a JSON file that names home, pages, tasks and seeds. Output: the recorder's
spool in the home, the worker's account in a folder of its own, and a summary. The
recorder is started as the participant would, and knows nothing of the script.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.run import StageError, wait_until
from overt.desktop.x11.synth import Synth
from overt.desktop.x11.windows import WindowWatcher
from overt.protocol.errors import DataError, OvertError
from overt.recorder.person.control import ControlClient
from overt.recorder.person.home import Home
from overt.research.evaluate.account import Account
from overt.research.evaluate.desk import Desk
from overt.research.evaluate.miniwob import MiniWob
from overt.research.evaluate.worker import Skipped, Worker

if TYPE_CHECKING:
    from overt.protocol.actions import Status

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Do what the file named on the command line says."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with Desk(tuple(plan["size"]), human=plan["human"]) as desk:
        desk.start_browser(plan["pages_url"] + plan["tasks"][0][0] + ".html")
        env = desk.env | {"OVERT_HOME": plan["home"]}
        os.environ.update(env)
        with Path(plan["recorder_log"]).open("ab") as log:
            recorder = subprocess.Popen(
                [sys.executable, "-m", "overt.cli", "record"],
                env=env, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _work(desk, recorder, plan)
        finally:
            if recorder.poll() is None:
                recorder.terminate()
            with suppress(subprocess.TimeoutExpired):
                recorder.wait(15)


def _work(desk: Desk, recorder: subprocess.Popen[bytes], plan: dict[str, Any]) -> None:
    control = ControlClient(Home(Path(plan["home"])), desk.display)
    wait_until("Recording", lambda: _recording(control, recorder))
    started = time.monotonic()
    account = Account(Path(plan["account"]))
    if desk.browser is None:
        raise StageError("The browser is gone.")
    synth = Synth(desk.display, rng=random.Random(plan["seed"]), pace=plan["pace"])  # noqa: S311 - not secret
    with MiniWob(
        desk.display, desk.browser.port, plan["pages_url"], synth=synth
    ) as env:
        worker = Worker(env, random.Random(plan["seed"]))  # noqa: S311 - not secret
        _episodes(worker, control, account, plan)
    time.sleep(0.6)  # the last keys are out of quarantine by then
    indicator = _indicator(desk.display)
    cpu_s = _cpu_seconds(recorder.pid)
    wall_s = time.monotonic() - started
    control.call("stop")
    code = recorder.wait(15)
    summary = {
        "display": desk.display,
        "indicator": indicator,
        "cpu_share": cpu_s / wall_s,
        "seconds": wall_s,
        "exit_code": code,
        "injected": [asdict(event) for event in synth.log],
    }
    Path(plan["summary"]).write_text(json.dumps(summary), encoding="utf-8")
    synth.close()


def _recording(control: ControlClient, recorder: subprocess.Popen[bytes]) -> bool:
    if recorder.poll() is not None:
        raise StageError(f"`overt record` ended with {recorder.returncode}.")
    with suppress(OvertError):
        return bool(control.call("status")["records"])
    return False


def _indicator(display: str) -> list[int] | None:
    """Return the indicator's rectangle: a recording is black there."""
    with closing(WindowWatcher(display)) as watcher:
        for window in watcher.stack().windows:
            if window.app_class == "overt-indicator":
                rect = window.rect
                return [rect.x, rect.y, rect.width, rect.height]
    return None


def _cpu_seconds(pid: int) -> float:
    """Return user and system seconds of a process and its children so far."""
    total = 0
    for name in [str(pid), *_children(pid)]:
        with suppress(OSError):
            stat = Path(f"/proc/{name}/stat").read_text(encoding="ascii")
            total += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
    return total / _CLOCK_TICKS


def _children(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return []


def _episodes(
    worker: Worker, control: ControlClient, account: Account, plan: dict[str, Any]
) -> None:
    source, judge = plan["source"], "page reward"
    with Path(plan["marks"]).open("a", encoding="utf-8") as marks:
        for task, seed in plan["tasks"]:
            begun: dict[str, Any] = {}

            def begin(goal: str, begun: dict[str, Any] = begun) -> None:
                begun.update(_begin(control, goal, source))

            def end(status: Status) -> None:
                control.call("task_end", status=status, judge=judge)

            if plan["human"]:
                with suppress(DataError):  # this seed's goal cannot be typed
                    _tell(task, worker.watch(task, seed, begin, end))
                continue
            episode = worker.run(task, seed, begin, end)
            if isinstance(episode, Skipped):
                continue
            number = account.add(episode)
            line = {"number": number, "episode": begun["task"], "task": task}
            marks.write(json.dumps(line) + "\n")
            marks.flush()
            _tell(task, episode.status)


def _tell(task: str, status: Status) -> None:
    print(json.dumps({"task": task, "status": status}), flush=True)


def _begin(control: ControlClient, goal: str, source: str) -> dict[str, Any]:
    """Begin a task; right after a page change a person waits for the green light."""
    said = ""
    deadline = time.monotonic() + 15.0
    while time.monotonic() < deadline:
        try:
            return control.call("task_begin", text=goal, source=source)
        except OvertError as error:
            said = str(error)
            time.sleep(0.1)
    raise StageError(f"No task can begin: {said}")


if __name__ == "__main__":
    main()
