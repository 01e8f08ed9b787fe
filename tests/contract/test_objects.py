"""One suite over every object store: written once, whole, under random names."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from overt.protocol.errors import VaultError
from overt.vault.store.objects import StoredObjects, new_object_name, open_objects

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["file", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> StoredObjects:
    memory = request.param == "memory"
    return open_objects("memory:" if memory else f"file://{tmp_path}/objects")


@pytest.mark.parametrize("data", [b"", b"x", bytes(3 << 20)])
def test_what_is_put_is_got(objects: StoredObjects, data: bytes) -> None:
    name = new_object_name()
    objects.put(name, data)
    assert objects.get(name) == data
    assert list(objects.names()) == [name]


def test_nothing_is_overwritten(objects: StoredObjects) -> None:
    name = new_object_name()
    objects.put(name, b"first")
    with pytest.raises(VaultError, match="exists"):
        objects.put(name, b"second")
    assert objects.get(name) == b"first"


def test_what_is_not_there_is_said(objects: StoredObjects) -> None:
    name = new_object_name()
    with pytest.raises(VaultError, match=name):
        objects.get(name)


def test_erased_is_gone_and_may_be_erased_again(objects: StoredObjects) -> None:
    kept, gone = new_object_name(), new_object_name()
    objects.put(kept, b"kept")
    objects.put(gone, b"gone")
    objects.delete(gone)
    objects.delete(gone)
    assert list(objects.names()) == [kept]
    with pytest.raises(VaultError):
        objects.get(gone)


def test_names_are_random() -> None:
    names = {new_object_name() for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) == 35 and name[:2] == name[3:5] for name in names)


def test_local_files_are_private(tmp_path: Path) -> None:
    objects = open_objects(f"file://{tmp_path}/objects")
    objects.put(new_object_name(), b"sealed")
    for path in (tmp_path / "objects").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700


def test_unknown_backends_are_refused() -> None:
    with pytest.raises(VaultError, match="'ftp'"):
        open_objects("ftp://host/folder")


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    objects = open_objects(f"file://{tmp_path}/objects")
    with pytest.raises(VaultError):
        objects.put("../outside", b"x")
    assert not (tmp_path / "outside").exists()
