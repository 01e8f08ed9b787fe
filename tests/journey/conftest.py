"""Servers, screens, lines, disks and clocks for tests of adversity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.court import Court, Person
from tests.fakes.mishaps import Clock, Proxy, Recording, Screen, SmallDisk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """A programme whose vault and broker run; its keys' passphrases cost little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("overt.protocol.keyfile.SCRYPT_N", 1 << 8)
        made = Court(tmp_path_factory.mktemp("court") / "run")
        made.found()
        yield made
        made.end()


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """A screen on which something may be recorded."""
    made = Screen()
    made.open_window()
    yield made
    made.close()


@pytest.fixture
def other_screen() -> Iterator[Callable[..., Screen]]:
    """Start further screens."""
    made: list[Screen] = []

    def start(*options: str) -> Screen:
        made.append(Screen(*options))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def record(screen: Screen) -> Iterator[Callable[..., Recording]]:
    """Start recorders, and leave none behind."""
    made: list[Recording] = []

    def start(person: Person, **env: str) -> Recording:
        made.append(Recording(person, screen, **env))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()


@pytest.fixture
def proxy(court: Court) -> Iterator[Proxy]:
    """A line to the vault that can break."""
    made = Proxy(court)
    yield made
    made.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., SmallDisk]]:
    """Mount small file systems."""
    made: list[SmallDisk] = []

    def mount(size_kib: int, folder: Path | None = None) -> SmallDisk:
        made.append(SmallDisk(folder or tmp_path / "disk", size_kib))
        return made[-1]

    yield mount
    for one in made:
        one.close()


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A wall clock that can jump."""
    return Clock(tmp_path / "clock")
