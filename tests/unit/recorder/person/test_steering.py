"""Why a recording ended by itself: what was the case then, not what is now."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol.errors import CaptureError, ConsentError
from overt.recorder.capture.names import Names
from overt.recorder.capture.recorder import Directive
from overt.recorder.capture.segments import Progress
from overt.recorder.person.badge import Badge
from overt.recorder.person.home import Home
from overt.recorder.person.steering import Hand, PersonSteering
from overt.redact.naming import whole


class World:
    """What steering looks at, as a test sets it."""

    def __init__(self, home: Path) -> None:
        self.refusal, self.problem = "", ""
        self.absence = self.excess = ""
        self.clicked = self.chorded = False
        self.shown: list[Badge] = []
        self.progress = Progress(level="masked")
        grounds = SimpleNamespace(
            refusal=lambda: self.refusal,
            absence=lambda: self.absence,
            excess=lambda: self.excess,
            may_show=lambda: True,
        )
        indicator = SimpleNamespace(
            show=self.shown.append,
            clicked=lambda: self._taken("clicked"),
            chorded=lambda: self._taken("chorded"),
            problem=lambda: self.problem,
        )
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[dict[str, Any]] = []
        control: Any = SimpleNamespace(poll=self._poll)
        key = Ed25519PrivateKey.generate()
        names = Names(whole)
        self.news: list[str] = []
        parts = grounds, indicator, control, names, lambda: self.news
        hand = Hand(Home(home), "sess_x", key, *parts)
        self.steering = PersonSteering(hand)

    def _taken(self, name: str) -> bool:
        was = bool(getattr(self, name))
        setattr(self, name, False)
        return was

    def _poll(self, handle: Any) -> int:
        calls, self.calls = self.calls, []
        self.answers += [handle(*call) for call in calls]
        return len(calls)

    def call(self, command: str, **arguments: Any) -> dict[str, Any]:
        self.calls.append((command, arguments))
        self.poll()
        return self.answers[-1]

    def directive(self) -> Directive:
        return self.steering.poll(self.progress, is_recording=True)

    def poll(self) -> bool:
        return self.directive().records

    def commit(self, ago_s: float = 0) -> None:
        """A write became durable, so long ago."""
        self.progress.last_commit_ns = time.monotonic_ns() - int(ago_s * 1e9)
        self.poll()

    @property
    def badge(self) -> Badge:
        self.poll()
        return self.shown[-1]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    assert made.poll()
    return made


def test_a_lapse_is_told_though_the_server_came_back(world: World) -> None:
    world.refusal = "No fresh word."
    assert not world.poll()
    world.refusal = ""
    assert not world.poll()  # only its owner's key starts it again
    fault = world.steering.fault()
    assert isinstance(fault, ConsentError)
    assert str(fault) == "No fresh word. What was recorded is kept."


def test_news_is_marked_beside_the_state_and_told_in_full(world: World) -> None:
    world.commit()
    plain = world.badge.text
    world.news = ["A new key asks to read."]
    assert world.badge == Badge("red", plain, has_news=True)
    told = world.call("status")
    assert told["notices"] == world.news
    assert told["text"] == f"{plain}. A notice: overt my"
    world.news = []
    assert world.badge == Badge("red", plain)


def test_a_lost_indicator_is_told_though_consent_went_afterwards(world: World) -> None:
    world.problem = "The indicator has ended."
    assert not world.poll()
    world.refusal = "You have withdrawn."
    assert not world.poll()
    assert isinstance(world.steering.fault(), CaptureError)


def test_nobody_at_the_desk_stops_it(world: World) -> None:
    world.absence = "The session is locked."
    assert not world.poll()
    world.absence = ""
    assert not world.poll()
    assert "locked" in str(world.steering.fault())


def test_it_says_recording_only_while_commits_prove_it(world: World) -> None:
    assert world.badge == Badge("grey", "Not recording: starting")
    world.commit()
    assert world.badge == Badge("red", "Recording: masked")
    world.commit(ago_s=5.1)
    assert world.badge.tone == "alarm"
    assert world.call("status")["records"] is False
    world.commit()
    world.progress.level = "off"
    assert world.badge == Badge("red", "Recording: not here")


def test_an_old_commit_proves_nothing_after_a_pause(world: World) -> None:
    world.commit()
    world.call("pause")
    assert world.badge == Badge("amber", "Paused until resumed")
    world.progress.last_commit_ns = time.monotonic_ns()  # what was left is written
    world.poll()
    world.call("resume")
    assert world.badge == Badge("grey", "Not recording: starting")
    world.commit()
    assert world.badge.tone == "red"


def test_the_chord_pauses_at_once_and_drops_what_is_held_back(world: World) -> None:
    world.chorded = True
    directive = world.directive()
    assert (directive.records, directive.discards) == (False, True)
    assert not world.directive().discards
    world.clicked = True
    assert world.poll()


def test_the_end_of_a_pause_is_announced_and_the_chord_keeps_it(world: World) -> None:
    world.call("pause", minutes=0.1)
    assert world.badge.text.startswith("Records again in")
    world.chorded = True
    assert world.badge == Badge("amber", "Paused until resumed")
    world.call("pause", minutes=30)
    assert world.badge.text.startswith("Paused until ")


def test_a_call_to_forget_previews_and_then_names_what_went(world: World) -> None:
    asked = {"since": "0", "until": "60000000000"}
    preview = world.call("forget", **asked, preview=True)
    nothing = {"pieces": [], "forgotten": 0, "segments": []}
    assert preview == {**nothing, "since": "0"}
    assert world.poll()  # a range that is long past stops nothing
    world.call("forget", minutes=1)
    assert not world.poll()
    assert world.badge.text == "Not recording: forgetting"


def test_a_budget_pauses_and_says_which(world: World) -> None:
    world.excess = "over 25 % of a core"
    assert not world.poll()
    assert world.badge == Badge("amber", "Paused: over 25 % of a core")
    world.excess = ""
    assert not world.poll()
    world.call("resume")
    assert world.poll()
