"""At rest a dataset is ciphertext, whole or not there."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from overt.protocol.errors import DataError, SealError
from overt.protocol.sealing import SealingKey
from overt.research.dataset import sealed as sealed_module
from overt.research.dataset.sealed import as_dataset, open_dataset, seal_dataset
from overt.research.dataset.shards import write_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from overt.research.dataset.rows import Origin
    from overt.research.dataset.shards import BuiltDataset
    from overt.research.refine.episodes import Trajectory


@pytest.fixture
def built(episodes: list[Trajectory], origin: Origin) -> BuiltDataset:
    return write_dataset(episodes, origin)


def test_opens_with_its_key_alone(built: BuiltDataset, tmp_path: Path) -> None:
    key, folder = SealingKey.generate(), tmp_path / "made" / "dataset"
    seal_dataset(built, folder, key.public)
    opened = open_dataset(folder, key)
    assert opened.manifest == built.manifest
    assert opened.card == built.card
    assert opened.table.equals(as_dataset(built).table)
    with pytest.raises(SealError):
        open_dataset(folder, SealingKey.generate())


def test_no_plaintext_and_no_reader_but_the_owner(
    built: BuiltDataset, tmp_path: Path
) -> None:
    folder = tmp_path / "dataset"
    seal_dataset(built, folder, SealingKey.generate().public)
    names = sorted(path.name for path in folder.iterdir())
    expected = ["card.md", "manifest.json", "shard-00000.parquet"]
    assert names == [f"{name}.sealed" for name in expected]
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"PNG" not in path.read_bytes()
        assert b"submit" not in path.read_bytes()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_missing_and_swapped_files_are_named(
    built: BuiltDataset, tmp_path: Path
) -> None:
    key, folder = SealingKey.generate(), tmp_path / "dataset"
    seal_dataset(built, folder, key.public)
    shard, card = folder / "shard-00000.parquet.sealed", folder / "card.md.sealed"
    whole = shard.read_bytes()
    shard.write_bytes(card.read_bytes())
    with pytest.raises(DataError, match="belongs elsewhere"):
        open_dataset(folder, key)
    shard.write_bytes(whole)
    card.unlink()
    with pytest.raises(DataError, match=r"card\.md\.sealed is missing"):
        open_dataset(folder, key)


def test_existing_folder_is_not_touched(built: BuiltDataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="already there"):
        seal_dataset(built, tmp_path, SealingKey.generate().public)
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_nothing_behind(
    built: BuiltDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed_module, "seal_blob", fail)
    with pytest.raises(OSError, match="space"):
        seal_dataset(built, tmp_path / "dataset", SealingKey.generate().public)
    assert list(tmp_path.iterdir()) == []
