"""Why a recording ended by itself: what was the case then, not what is now."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol.errors import CaptureError, ConsentError
from overt.recorder.capture.names import Names
from overt.recorder.capture.segments import Progress
from overt.recorder.person.home import Home
from overt.recorder.person.steering import Hand, PersonSteering
from overt.redact.naming import whole


class World:
    """What steering looks at, as a test sets it."""

    def __init__(self, home: Path) -> None:
        self.refusal, self.problem = "", ""
        grounds = SimpleNamespace(refusal=lambda: self.refusal, may_show=lambda: True)
        indicator = SimpleNamespace(
            show=lambda _: None, clicked=lambda: False, problem=lambda: self.problem
        )
        control: Any = SimpleNamespace(poll=lambda _: 0)
        key = Ed25519PrivateKey.generate()
        names = Names(whole)
        hand = Hand(Home(home), "sess_x", key, grounds, indicator, control, names)
        self.steering = PersonSteering(hand)

    def poll(self) -> bool:
        return self.steering.poll(Progress(), is_recording=True).records


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


def test_a_lost_indicator_is_told_though_consent_went_afterwards(world: World) -> None:
    world.problem = "The indicator has ended."
    assert not world.poll()
    world.refusal = "You have withdrawn."
    assert not world.poll()
    assert isinstance(world.steering.fault(), CaptureError)
