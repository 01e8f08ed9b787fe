"""What was verified once holds for the same bytes under the same programme alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from overt.vault.govern import known as known_documents
from overt.vault.govern.known import Known


def test_only_the_same_bytes_under_the_same_programme_are_known(world: Any) -> None:
    programme, again = world.in_force(), world.in_force()
    assert programme == again
    known = Known[str]()
    assert known.find((b"one", b"two"), programme) is None
    known.keep((b"one", b"two"), programme, "said")
    assert known.find((b"one", b"two"), programme) == "said"
    for other in ((b"one",), (b"two", b"one"), (b"one", b"two", b"two"), ()):
        assert known.find(other, programme) is None
    assert known.find((b"one", b"two"), again) is None  # it was verified under another


def test_it_forgets_rather_than_grows(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(known_documents, "MOST", 2)
    programme, known = world.in_force(), Known[int]()
    for number in range(3):
        known.keep((b"%d" % number,), programme, number)
    assert [known.find((b"%d" % number,), programme) for number in range(3)] == [
        *(None, None),
        2,
    ]


def test_an_order_of_who_left_the_roster_is_verified_anew(world: Any) -> None:
    """It no longer verifies, and so the programme stays halted."""
    world.participant(b"one")
    request = world.granted()
    assert world.halt("stella").status_code == 200
    for _ in range(2):
        assert world.release(request).status_code == 423
    roster = asdict(world.in_force())["roster"]
    left = [member for member in roster if member["name"] != "stella"]
    world.broker_app.state.gate.roster.install(world.programme(version=2, roster=left))
    answer = world.release(request)
    assert (answer.status_code, "does not verify" in answer.text) == (423, True)
