"""What a touchpad's smooth scrolling becomes: whole steps, each once, none lost.

A touchpad moves scroll valuators by fractions of a step. The server makes
buttons 4 to 7 of them as if a wheel turned, and tells RECORD: that is what is recorded.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from overt.protocol.records import SYNTHETIC, EventKind, InputRecord
from tests.fakes.xorg import HORIZONTAL, STEP, VERTICAL, Xorg

pytestmark = pytest.mark.display
UP, DOWN, LEFT, RIGHT = 4, 5, 6, 7


@pytest.fixture(scope="module")
def xorg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xorg]:
    made = Xorg(tmp_path_factory.mktemp("xorg"))
    made.pad({0: 1.0})  # the first motion makes the device the pointer's source
    yield made
    made.close()


@pytest.fixture
def scrolled(bench: Any, xorg: Xorg, painter_of: Any) -> Any:
    """Record some scrolling over a window that may be recorded; return the events."""
    painter = painter_of(xorg.name)
    painter.focus(painter.window(0, 0, 2000, 1500))

    def record(*moves: dict[int, float]) -> list[Any]:
        recorder = bench(name=xorg.name)
        xorg.pad(*moves)
        return [
            event
            for segment in recorder.stop()
            for batch in segment.records
            if isinstance(batch, InputRecord)
            for event in batch.events
        ]

    return record


def _steps(events: list[Any]) -> list[int]:
    """The buttons pressed; each is released at once."""
    buttons = [event for event in events if event["detail"]]
    kinds = [int(event["kind"]) for event in buttons]
    assert kinds == [EventKind.BUTTON_PRESS, EventKind.BUTTON_RELEASE] * (
        len(kinds) // 2
    )
    details = [int(event["detail"]) for event in buttons]
    assert details[::2] == details[1::2]
    return details[::2]


@pytest.mark.parametrize(
    ("valuator", "sign", "button"),
    [(VERTICAL, 1, DOWN), (VERTICAL, -1, UP), (HORIZONTAL, 1, RIGHT),
     (HORIZONTAL, -1, LEFT)],
)  # fmt: skip
def test_fractions_become_the_steps_that_they_add_up_to(
    scrolled: Any, valuator: int, sign: int, button: int
) -> None:
    events = scrolled(*[{valuator: sign * STEP / 8}] * 40)
    assert _steps(events) == [button] * 5
    devices = {int(event["device"]) for event in events}
    assert len(devices) == 1
    assert not devices.pop() & SYNTHETIC  # a hand's, not a program's


def test_one_sweep_of_several_steps_is_as_many(scrolled: Any) -> None:
    assert _steps(scrolled({VERTICAL: 3 * STEP}, {VERTICAL: -3 * STEP})) == (
        [DOWN] * 3 + [UP] * 3
    )


def test_less_than_a_step_leaves_the_pointer_where_it_was(scrolled: Any) -> None:
    events = scrolled({VERTICAL: STEP / 4}, {VERTICAL: STEP / 4}, {VERTICAL: -STEP / 2})
    assert _steps(events) == []
    assert len({(int(event["x_px"]), int(event["y_px"])) for event in events}) <= 1
