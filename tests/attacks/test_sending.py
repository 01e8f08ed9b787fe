"""Attacks on the way in: replayed, reordered and swapped uploads."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from overt.protocol import routes
from overt.protocol.calls import sign_call
from overt.protocol.ids import new_id
from overt.vault.govern import callers
from overt.vault.ingest import admission
from overt.vault.ingest.admission import Admission
from overt.vault.store.rows import SegmentRow
from tests.attacks.rows import attack, instead

if TYPE_CHECKING:
    from tests.fakes.stacks import Stack
    from tests.fakes.world import World


def held(world: World) -> tuple[int, int, int]:
    """Return how many rows, objects and log entries there are of segments."""
    with world.database.read() as session:
        rows = session.scalar(select(func.count(SegmentRow.segment_id))) or 0
    objects = len(list(world.objects.names()))
    return rows, objects, world.entries("segment")


@attack(instead(callers, "once", lambda *_: None))
def test_a_replayed_call_is_refused(stack: Stack) -> None:
    world = stack.world()
    device = world.participant()
    header, data = world.segment(device)
    target = f"{routes.SEGMENTS}/{header.segment}"
    proof = sign_call(
        device.key,
        method="PUT",
        target=target,
        body=data,
        utc_s=world.now_s,
        nonce=secrets.token_hex(16),
    )
    headers = {"Authorization": proof}
    assert world.vault.put(target, content=data, headers=headers).status_code == 200
    assert world.vault.put(target, content=data, headers=headers).status_code == 409
    assert held(world) == (1, 1, 1)


@attack(instead(admission, "_same", lambda *_: None))
def test_the_same_segment_again_is_taken_once(stack: Stack) -> None:
    world = stack.world()
    device = world.participant()
    header, data = world.segment(device)
    first, again = (world.put(device, header, data) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    # other bytes in its place, or in the place of its number
    other, forged = world.segment(device, b"other", segment=header.segment)
    assert world.put(device, other, forged).status_code == 409
    late, reordered = world.segment(device, b"other")
    assert world.put(device, late, reordered).status_code == 409
    assert held(world) == (1, 1, 1)


def _swaps(world: World, mine: Any, other: Any) -> dict[str, Any]:
    """Return segments that say they are another's, each sealed by `mine`."""
    return {
        "person": world.segment(mine, person=other.person),
        "device": world.segment(mine, device=other.id),
        "consent": world.segment(mine, consent=other.consent_id),
        "no consent": world.segment(mine, consent=new_id("cons")),
        "programme": world.segment(mine, programme=new_id("prog")),
        "old": world.segment(mine, day="2026-01-01"),
        "to come": world.segment(mine, day="2027-01-01"),
    }


def _no_header(*_: Any) -> None:
    """Check nothing that a header says."""


@attack(
    instead(Admission, "_check_header", _no_header),
    instead(admission, "_check_consent", _no_header),
    instead(admission, "verify_sealed", _no_header),
)
def test_a_swapped_upload_is_refused(stack: Stack) -> None:
    world = stack.world()
    mine, other = world.participant(), world.participant()
    for name, (header, data) in _swaps(world, mine, other).items():
        answer = world.put(mine, header, data)
        assert answer.status_code in {400, 403}, name
    # another device's signed bytes, under this one's name
    header, data = world.segment(other)
    assert world.put(mine, header, data).status_code == 403
    header, data = world.segment(mine)
    altered = data[:-70] + bytes([data[-70] ^ 1]) + data[-69:]
    assert world.put(mine, header, altered).status_code == 403
    assert held(world) == (0, 0, 0)
