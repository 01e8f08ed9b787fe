"""`make demo HUMAN=1`: somebody at a display of their own does the tasks.

The somebody is a robot in this test: it looks at the page through a debugging
connection of its own, waits as a person would, and acts only through the X server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from overt.desktop.x11.synth import Synth
from overt.protocol.actions import Click, Type
from overt.protocol.errors import CaptureError
from overt.research.evaluate.desk import Desk
from overt.research.evaluate.devtools import Page
from overt.research.evaluate.oracles import ORACLES, ClickOn, Write
from overt.research.evaluate.perform import perform

pytestmark = [
    pytest.mark.journey,
    pytest.mark.display,
    pytest.mark.long,
    pytest.mark.timeout(900),
]
ROOT = Path(__file__).parents[2]
TASKS = ("click-test-2", "enter-text")
DEMOS = 2
EPISODES = len(TASKS) * DEMOS + 4  # those with password fields as well
_STATE = """[location.pathname.split('/').pop().replace('.html', ''),
 WOB_TASK_READY && !WOB_DONE_GLOBAL && core.cover_div.style.display == 'none' &&
   core.getUtterance(),
 window.screenX + Math.round((outerWidth - innerWidth) / 2),
 window.screenY + outerHeight - innerHeight]"""


class Person:
    """Reads the yellow bar, waits, does what it asks."""

    def __init__(self, display: str) -> None:
        self._synth = Synth(display, rng=Random(7), pace=1.6)  # noqa: S311 - variation
        self._done = ""
        self.episodes = 0

    def close(self) -> None:
        self._synth.close()

    def look(self, page: Page) -> None:
        task, goal, x, y = page.evaluate(_STATE)
        if not goal or goal == self._done or task not in ORACLES:
            return
        time.sleep(1.5)  # reads the goal; by then the red sign is there
        for step in ORACLES[task](page, goal, Random(1)):  # noqa: S311 - variation
            if isinstance(step, ClickOn):
                spot = step.spots[len(step.spots) // 2]
                at = Click(x + spot[0], y + spot[1])
                perform(self._synth, at, human=True)
            elif isinstance(step, Write):
                perform(self._synth, Type(step.text), human=True)
        self._done = goal
        self.episodes += 1


def _port(folder: Path) -> int | None:
    for note in folder.glob("overt-desk-*/profile/DevToolsActivePort"):
        with suppress(OSError, IndexError, ValueError):
            return int(note.read_text().split()[0])
    return None


def _sit(person: Person, folder: Path, demo: subprocess.Popen[bytes]) -> None:
    """Do tasks until all are done or the demonstration has ended."""
    page = None
    while demo.poll() is None and person.episodes < EPISODES:
        time.sleep(0.2)
        with suppress(CaptureError):
            if page is None and (port := _port(folder)) is not None:
                page = Page(port)
            if page is not None:
                person.look(page)
    if page is not None:
        page.close()


def test_a_person_does_the_tasks_and_the_report_says_so(tmp_path: Path) -> None:
    report = tmp_path / "report"
    command = [
        *(sys.executable, "-m", "demo", "--human", "--demos", str(DEMOS)),
        *("--tasks", *TASKS, "--episodes", "1", "--train-s", "6"),
        *("--folder", str(tmp_path / "run"), "--report", str(report)),
    ]
    with Desk((800, 600), human=False) as desk:
        env = os.environ | desk.env | {"HUMAN": "1", "TMPDIR": str(tmp_path)}
        demo = subprocess.Popen(command, cwd=ROOT, env=env)
        person = Person(desk.display)
        try:
            _sit(person, tmp_path, demo)
            assert demo.wait(600) == 0
        finally:
            person.close()
            demo.terminate()
            demo.wait(60)

    figures = json.loads((report / "report.json").read_text("utf-8"))
    assert figures["source"] == "person"
    assert figures["episodes_recorded"] == {"done": EPISODES}
    assert figures["events_injected"] is None
    assert figures["events_recorded"] > 0
    assert figures["reads_logged"] == figures["key_unwraps"] > 0
    assert figures["canaries_in_store"] == 0
    assert all(figures["integrity"].values())
