"""Tiles and frames: what replays is what may be seen, each tile stored once."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.desktop.types import Rect
from overt.protocol.records import FrameCause, FrameRecord, Level, Pixels, TileRecord
from overt.recorder.capture.idlereader import IdleReader
from overt.recorder.capture.screenlog import (
    Area,
    AreaMask,
    Patch,
    Picture,
    ScreenLog,
)
from overt.redact.pixels import Masker, mask

SCREEN = Rect(0, 0, 150, 100)  # three by two tiles, the last ones padded


def _same(pixels: Pixels) -> Pixels:
    return pixels


def _picture(*patches: Patch, areas: Any = None, t_ns: int = 1) -> Picture:
    seen = (Area(SCREEN, Level.CLEAR),) if areas is None else areas
    return Picture(t_ns, FrameCause.DAMAGE, True, SCREEN, seen, patches)  # noqa: FBT003


def _flat(rect: Rect, value: int) -> Patch:
    return Patch(rect, np.full((rect.height, rect.width, 3), value, np.uint8))


def test_the_first_picture_is_a_key_frame_that_names_every_tile() -> None:
    tiles, frame = ScreenLog(_same).add(_picture(_flat(SCREEN, 9)))
    assert isinstance(tiles, TileRecord)
    assert isinstance(frame, FrameRecord)
    assert frame.cause is FrameCause.KEYFRAME
    assert frame.changed[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert tiles.first_id == 0
    assert len(tiles.pixels) == 4  # inner, right, bottom and corner tile differ
    assert not tiles.pixels[1][:, 22:].any()  # padding is black


def test_only_changed_tiles_are_named_and_known_ones_not_stored_again() -> None:
    log = ScreenLog(_same)
    log.add(_picture(_flat(SCREEN, 9)))
    tiles, frame = log.add(_picture(_flat(Rect(70, 10, 5, 5), 200)))
    assert (tiles.first_id, len(tiles.pixels)) == (4, 1)
    assert frame.changed.tolist() == [[1, 4]]
    (frame,) = log.add(_picture(_flat(Rect(70, 10, 5, 5), 9)))
    assert frame.changed.tolist() == [[1, 0]]
    (frame,) = log.add(_picture(_flat(Rect(70, 10, 5, 5), 9)))
    assert frame.changed.shape == (0, 2)


def test_a_new_segment_stands_alone() -> None:
    log = ScreenLog(_same)
    log.add(_picture(_flat(SCREEN, 9)))
    tiles, frame = log.begin_segment(7, exact=True)
    assert (tiles.first_id, frame.cause, frame.t_ns) == (0, FrameCause.KEYFRAME, 7)
    assert len(frame.changed) == 6
    assert frame.exact


def test_what_leaves_the_areas_turns_black_and_does_not_come_back() -> None:
    log = ScreenLog(_same)
    log.add(_picture(_flat(SCREEN, 9)))
    part = (Area(Rect(0, 0, 64, 64), Level.CLEAR),)
    _, frame = log.add(_picture(areas=part))
    assert frame.changed[:, 0].tolist() == [1, 2, 3, 4, 5]
    (frame,) = log.add(_picture())
    assert frame.changed.shape == (0, 2)  # the pixels are gone, not kept for later


def test_a_new_size_makes_a_key_frame() -> None:
    log = ScreenLog(_same)
    log.add(_picture(_flat(SCREEN, 9)))
    small = Rect(0, 0, 64, 64)
    areas = (Area(small, Level.CLEAR),)
    picture = Picture(2, FrameCause.DAMAGE, True, small, areas, (_flat(small, 9),))  # noqa: FBT003
    frame = log.add(picture)[-1]
    assert isinstance(frame, FrameRecord)
    assert (frame.cause, frame.width_px) == (FrameCause.KEYFRAME, 64)


def test_below_clear_the_mask_sees_whole_areas_and_alone_decides() -> None:
    shapes = []

    def halved(pixels: Pixels) -> Pixels:
        shapes.append(pixels.shape)
        return pixels // 2

    log = ScreenLog(halved)
    area = Rect(10, 10, 100, 50)
    tiles, _ = log.add(_picture(_flat(SCREEN, 100), areas=(Area(area, Level.MASKED),)))
    assert isinstance(tiles, TileRecord)
    assert shapes == [(50, 100, 3)]
    assert set(np.unique(tiles.pixels)) == {0, 50}


@pytest.mark.parametrize("seed", range(4))
def test_masking_what_changed_alone_is_masking_the_whole(seed: int) -> None:
    generator = np.random.default_rng(seed)
    screen = Rect(0, 0, 300, 220)
    whole, local = ScreenLog(mask), ScreenLog(AreaMask(mask, Masker))
    areas = (Area(Rect(10, 5, 270, 200), Level.MASKED),)
    boards = [Board(), Board()]
    for _ in range(25):
        x, y = (int(v) for v in generator.integers(0, 200, 2))
        width, height = (int(v) for v in generator.integers(1, 90, 2))
        rect = Rect(x, y, width, height).intersection(screen)
        pixels = generator.choice([0, 9, 16, 120, 255], (rect.height, rect.width, 3))
        if generator.random() < 0.5:
            pixels[:] = pixels[0, 0]  # plain: what stood there is uncovered
        patch = Patch(rect, pixels.astype(np.uint8))
        picture = Picture(1, FrameCause.DAMAGE, True, screen, areas, (patch,))  # noqa: FBT003
        for log, board in zip((whole, local), boards, strict=True):
            board.take(log.add(picture))
        assert np.array_equal(boards[0].canvas, boards[1].canvas)


class Board:
    """Frames of a screen of 300 x 220, painted again."""

    def __init__(self) -> None:
        self.canvas = np.zeros((256, 320, 3), np.uint8)
        self._tiles: list[Pixels] = []

    def take(self, records: Any) -> None:
        for record in records:
            if isinstance(record, TileRecord):
                self._tiles += list(record.pixels)
                continue
            for place, tile in record.changed.tolist():
                y, x = place // 5 * 64, place % 5 * 64
                self.canvas[y : y + 64, x : x + 64] = self._tiles[tile]


rects = st.builds(
    Rect,
    st.integers(0, 149),
    st.integers(0, 99),
    st.integers(1, 80),
    st.integers(1, 80),
).map(lambda rect: rect.intersection(SCREEN))
steps = st.lists(st.tuples(rects, st.integers(0, 255), st.lists(rects, max_size=2)))


@settings(deadline=None)
@given(steps)
def test_replay_is_the_screen_with_everything_else_black(steps: Any) -> None:
    log, tiles = ScreenLog(_same), list[Pixels]()
    canvas = np.zeros((128, 192, 3), np.uint8)
    screen = np.zeros((128, 192, 3), np.uint8)
    for rect, value, others in steps:
        areas = tuple(
            Area(part, Level.CLEAR)
            for place, other in enumerate(others)
            for part in ([other] if not place else other.minus(others[0]))
        )
        screen[rect.y : rect.bottom, rect.x : rect.right] = value
        visible = np.zeros((128, 192), bool)
        patches = []
        for area in areas:
            r = area.rect
            visible[r.y : r.bottom, r.x : r.right] = True
            patches.append(Patch(r, screen[r.y : r.bottom, r.x : r.right].copy()))
        for record in log.add(_picture(*patches, areas=areas)):
            if isinstance(record, TileRecord):
                tiles += list(record.pixels)
                continue
            for place, tile in record.changed.tolist():
                y, x = place // 3 * 64, place % 3 * 64
                canvas[y : y + 64, x : x + 64] = tiles[tile]
        assert np.array_equal(canvas, np.where(visible[..., None], screen, 0))
    assert len({tile.tobytes() for tile in tiles}) == len(tiles)


class Reader:
    """Knows nothing until it has worked; then leaves the first pixel of an area."""

    def __init__(self) -> None:
        self.looks, self.knows = 0, threading.Event()

    def work(self) -> bool:
        return not self.knows.is_set() and not self.knows.set()


class WordCover:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def update(self, _rgb: Pixels, changed: Any) -> Any:
        self._reader.looks += 1
        return changed

    def paint(self, _rgb: Pixels, box: Any) -> Pixels:
        x0, y0, x1, y1 = box
        value = 7 if self._reader.knows.is_set() else 128
        return np.full((y1 - y0, x1 - x0, 3), value, np.uint8)


@pytest.mark.parametrize(("level", "shown"), [(Level.WORDS, [7]), (Level.MASKED, [])])
def test_words_are_read_at_rest_and_left_at_their_level_alone(
    level: Level, shown: list[int]
) -> None:
    reader, other = Reader(), Reader()
    begin = IdleReader(reader, lambda _: WordCover(reader), rest_s=0.01)
    log = ScreenLog(AreaMask(_same, lambda _: WordCover(other), begin))
    areas = (Area(SCREEN, level),)
    tiles = log.add(_picture(_flat(SCREEN, 9), areas=areas))[0]
    assert tiles.pixels[0][0, 0, 0] == 128
    if level is Level.WORDS:
        assert reader.knows.wait(60)
    records = log.add(_picture(_flat(Rect(0, 0, 9, 9), 3), areas=areas))
    fresh = [one.pixels[0][0, 0, 0] for one in records if isinstance(one, TileRecord)]
    assert fresh == shown
