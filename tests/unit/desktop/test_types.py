import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.desktop.types import Rect, Stack, Window, without

rects = st.builds(
    Rect,
    st.integers(-5, 25),
    st.integers(-5, 25),
    st.integers(0, 20),
    st.integers(0, 20),
)


def _painted(region: list[Rect]) -> np.ndarray:
    canvas = np.zeros((60, 60), int)
    for rect in region:
        canvas[rect.y + 10 : rect.bottom + 10, rect.x + 10 : rect.right + 10] += 1
    return canvas


@given(rects, st.lists(rects, max_size=4))
def test_what_is_left_covers_each_pixel_outside_the_holes_once(
    rect: Rect, holes: list[Rect]
) -> None:
    expected = _painted([rect]) * (_painted(holes) == 0)
    assert (_painted(without([rect], holes)) == expected).all()


@given(rects, rects)
def test_union_holds_both_and_intersection_is_what_they_share(
    one: Rect, other: Rect
) -> None:
    assert one.union(other).covers(one)
    assert one.union(other).covers(other)
    both = (_painted([one]) > 0) & (_painted([other]) > 0)
    assert (_painted([one.intersection(other)]).astype(bool) == both).all()
    assert one.intersects(other) == both.any()


def test_a_window_shows_what_nothing_above_it_covers() -> None:
    low = Window(1, 1, Rect(-10, 0, 110, 100))
    high = Window(2, 3, Rect(50, 0, 100, 100))
    stack = Stack((low, high), active_id=1, screen=Rect(0, 0, 120, 80))
    assert stack.visible_region(low) == [Rect(0, 0, 50, 80)]
    assert stack.visible_region(high) == [Rect(50, 0, 70, 80)]
    assert stack.at(60, 10) is high
    assert stack.at(10, 10) is low
    assert stack.at(10, 110) is None
    assert stack.active is low


def test_a_window_that_is_not_in_the_stack_has_no_region() -> None:
    stack = Stack((), active_id=0, screen=Rect(0, 0, 10, 10))
    with pytest.raises(ValueError, match="not in"):
        stack.visible_region(Window(1, 1, Rect(0, 0, 5, 5)))
