"""An X server, a painting client, a talkative application, a recorder in a thread."""

import contextlib
import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from Xlib import X, display
from Xlib.ext import xtest

from overt.desktop.a11y.focus import Focus
from overt.protocol.ids import new_id
from overt.protocol.programme import DATA_TYPES
from overt.protocol.records import (
    TILE_PX,
    ContextRecord,
    FrameCause,
    FrameRecord,
    InputRecord,
    Level,
    MarkRecord,
    Pixels,
    TileRecord,
)
from overt.protocol.sealing import SealingKey
from overt.protocol.segment import Segment, read_segment
from overt.recorder.capture.context import Answer, Url
from overt.recorder.capture.recorder import Directive, Recorder
from overt.recorder.capture.recording import black
from overt.recorder.capture.secretplaces import Places
from overt.recorder.capture.segments import SegmentSink, Subject
from overt.recorder.spool import Spool

if TYPE_CHECKING:
    from overt.desktop.a11y.embedded import Embedded
    from overt.desktop.types import Rect

_XVFB = ["/usr/bin/Xvfb", "-screen", "0", "640x400x24", "-noreset", "-displayfd"]


def _serve() -> tuple[subprocess.Popen[bytes], str]:
    reader, writer = os.pipe()
    server = subprocess.Popen(
        [*_XVFB, str(writer)], pass_fds=[writer], stderr=subprocess.DEVNULL
    )
    os.close(writer)
    with os.fdopen(reader) as said:
        return server, f":{said.readline().strip()}"


@pytest.fixture(scope="module")
def x_server() -> Iterator[str]:
    server, name = _serve()
    yield name
    server.terminate()
    server.wait()


@pytest.fixture
def mortal_server() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    server, name = _serve()
    yield server, name
    server.terminate()
    server.wait()


class Painter:
    """An X client with coloured windows and XTEST input."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)
        self.root = self.display.screen().root

    def window(self, x: int, y: int, width: int, height: int, **more: Any) -> Any:
        name = more.pop("wm_class", "painter")
        colour = more.pop("colour", 0x202020)
        made = self.root.create_window(
            *(x, y, width, height, 0, X.CopyFromParent),
            background_pixel=colour,
            **more,
        )
        made.set_wm_class(name, name.title())
        pid = self.display.intern_atom("_NET_WM_PID")
        cardinal = self.display.intern_atom("CARDINAL")
        made.change_property(pid, cardinal, 32, [4242])
        made.map()
        self.display.sync()
        return made

    def focus(self, window: Any) -> None:
        window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self.display.sync()

    def fill(self, window: Any, colour: int, *place: int) -> None:
        pen = window.create_gc(foreground=colour)
        window.fill_rectangle(pen, *place)
        pen.free()
        self.display.sync()

    def fake(self, kind: int, detail: int = 0, x: int = 0, y: int = 0) -> None:
        xtest.fake_input(self.display, kind, detail, x=x, y=y)
        self.display.sync()


@pytest.fixture
def painter(x_server: str) -> Iterator[Painter]:
    client = Painter(x_server)
    yield client
    client.display.close()


@pytest.fixture
def painter_of() -> Iterator[Callable[[str], Painter]]:
    """A painting client of another display."""
    clients: list[Painter] = []

    def make(name: str) -> Painter:
        clients.append(Painter(name))
        return clients[-1]

    yield make
    for client in clients:
        with contextlib.suppress(OSError):
            client.display.close()


class AllowPainter:
    """Allows windows of the class `Painter`, or one page of it."""

    def __init__(self, level: Level = Level.CLEAR, page: str = "") -> None:
        self.level, self.page = level, page

    def level_for(self, app: str, url: str | None, title: str) -> Level:
        allowed = app == "Painter" and title != "private"
        at_page = not self.page or url == self.page
        return self.level if allowed and at_page else Level.OFF

    def needs_url(self, app: str) -> bool:
        return app == "Painter" and bool(self.page)


class Application:
    """Answers at once, as an application with a plain text field would."""

    def __init__(self) -> None:
        self._told: deque[Any] = deque()
        self._fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.focus = Focus(("app", "/1"), "entry", is_password=False, trusted=True)
        self.url: str | None = None
        self.asked: set[str] = set()
        self.secrets: dict[Any, Rect] = {}
        self.embedded: dict[Any, Embedded] = {}
        self.within: Any = None

    def fileno(self) -> int:
        return self._fd

    def poll(self) -> list[Any]:
        told, self._told = list(self._told), deque()
        return told

    def ask_focus(self, pid: int) -> None:
        now_ns = time.monotonic_ns()
        self._told.append(Answer(now_ns, now_ns, self.focus if pid else None))

    def ask_element(
        self, t_ns: int, pid: int, x_px: int, y_px: int, within: Any
    ) -> None:
        self.within = within
        self.asked.add("element" if pid else "nobody")
        body = {"role": "button", "name": "Send", "bounds": [x_px, y_px, 9, 9]}
        self._told.append(ContextRecord(t_ns, "element", body))

    def ask_url(self, pid: int) -> None:
        self._told.append(Url(time.monotonic_ns(), pid, self.url))

    def ask_tree(self, t_ns: int, pid: int, within: Any) -> None:
        self.within = within
        self.asked.add("tree" if pid else "nobody")
        body = {"nodes": [["button", "Send", 1, 1, 9, 9, []]], "truncated": False}
        self._told.append(ContextRecord(t_ns, "tree", body))

    def ask_places(self) -> None:
        self.asked.add("places")
        places = Places(time.monotonic_ns(), dict(self.secrets), dict(self.embedded))
        self._told.append(places)

    def close(self) -> None:
        os.close(self._fd)


class Steering:
    """Records until told otherwise."""

    def __init__(self) -> None:
        self.records, self.ends = True, False
        self.marks: list[MarkRecord] = []
        self.is_recording = False
        self.last_commit_ns: int | None = None
        self.reader, self.writer = os.pipe()

    def fileno(self) -> int:
        return self.reader

    def poll(self, progress: Any, *, is_recording: bool) -> Directive:
        self.is_recording = is_recording
        self.last_commit_ns = progress.last_commit_ns
        marks, self.marks = (tuple(self.marks), []) if is_recording else ((), [])
        return Directive(self.records, self.ends, marks)


class Bench:
    """A recorder at work, and what it wrote."""

    def __init__(
        self,
        name: str,
        folder: Path,
        allow: Any,
        data_types: tuple[str, ...] = DATA_TYPES,
        mask: Callable[[Pixels], Pixels] = black,
    ) -> None:
        self.application, self.steering = Application(), Steering()
        self._own = SealingKey.generate()
        self.spool = Spool(folder)
        parts = [new_id(kind) for kind in ("sess", "part", "dev", "prog", "cons")]
        subject = Subject(*parts, level="clear", data_types=data_types)
        self.sink = SegmentSink(self.spool, self._own.public, subject)
        self._recorder = Recorder(name, allow, self.application, self.sink, mask)
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._recorder.run(self.steering)
        except Exception as error:  # noqa: BLE001 - asserted by `wait`
            self.error = error

    def start(self) -> None:
        self._thread.start()
        films = "screen" in self.sink.data_types
        progress = self.sink.progress
        self.wait(lambda: (progress.frames if films else progress.segments) > 0)

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < deadline
            assert self.error is None
            time.sleep(0.01)

    def stop(self) -> list[Segment]:
        self.steering.ends = True
        self._thread.join(15)
        assert not self._thread.is_alive()
        self.application.close()
        os.close(self.steering.reader)
        os.close(self.steering.writer)
        return self.segments()

    def segments(self) -> list[Segment]:
        names = [entry.segment for entry in self.spool.entries()]
        return [read_segment(self.spool.read(name, self._own)) for name in names]


@pytest.fixture(autouse=True)
def _no_border(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment goes on over the minute, so that tests get one whenever they run."""
    never = "overt.recorder.capture.recording.next_border_ns"
    monkeypatch.setattr(never, lambda: 1 << 61)


@pytest.fixture
def bench(x_server: str, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def make(allow: Any = None, name: str = x_server, **more: Any) -> Bench:
        rules = allow or AllowPainter()
        benches.append(Bench(name, tmp_path / "spool", rules, **more))
        benches[-1].start()
        return benches[-1]

    make.allow = AllowPainter  # type: ignore[attr-defined]
    yield make
    for each in benches:
        if each._thread.is_alive():
            each.stop()


class Replay:
    """The frames of a segment, painted again."""

    def __init__(self, segment: Segment) -> None:
        self.records = segment.records
        self.tiles: list[Pixels] = []

    def frames(self) -> Iterator[tuple[FrameRecord, Pixels]]:
        canvas = np.zeros((0, 0, 3), np.uint8)
        for record in self.records:
            if isinstance(record, TileRecord):
                assert record.first_id == len(self.tiles)
                self.tiles += list(record.pixels)
            elif isinstance(record, FrameRecord):
                columns = -(-record.width_px // TILE_PX)
                rows = -(-record.height_px // TILE_PX)
                size = (rows * TILE_PX, columns * TILE_PX, 3)
                if canvas.shape != size:
                    assert record.cause is FrameCause.KEYFRAME
                    canvas = np.zeros(size, np.uint8)
                for place, tile in record.changed.tolist():
                    row, column = divmod(place, columns)
                    y, x = row * TILE_PX, column * TILE_PX
                    canvas[y : y + TILE_PX, x : x + TILE_PX] = self.tiles[tile]
                yield record, canvas[: record.height_px, : record.width_px].copy()

    def events(self) -> list[tuple[int, ...]]:
        fields = ("kind", "detail", "x_px", "y_px")
        return [
            tuple(int(event[name]) for name in fields)
            for record in self.records
            if isinstance(record, InputRecord)
            for event in record.events
        ]


@pytest.fixture
def replay() -> type[Replay]:
    return Replay
