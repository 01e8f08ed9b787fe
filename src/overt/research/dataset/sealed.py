"""A dataset at rest: every file sealed to the job's key, in one folder.

Stage: dataset. Input: a built dataset and a public key, or a folder and its key.
Output: `shard-NNNNN.parquet.sealed`, `manifest.json.sealed`, `card.md.sealed`; or the
opened `Dataset`. The folder is there whole or not at all. No plaintext touches a disk.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from overt.protocol.canonical import parse_json, sha256_hex
from overt.protocol.errors import DataError
from overt.protocol.sealing import (
    SealingKey,
    SealingPublicKey,
    blob_context,
    open_blob,
    seal_blob,
)
from overt.research.dataset.rows import SCHEMA_VERSION, Row
from overt.research.dataset.shards import BuiltDataset, manifest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overt.protocol.records import Pixels

MANIFEST, CARD = "manifest.json", "card.md"
_KIND = "dataset"


@dataclass(frozen=True, slots=True)
class Dataset:
    """An opened dataset.

    Attributes:
        manifest: What it holds and where that came from.
        card: What a reader should know, in Markdown.
        table: All rows, in the order of the shards.
    """

    manifest: dict[str, Any]
    card: str
    table: pa.Table

    def rows(self) -> Iterator[Row]:
        """Yield rows as plain values; `action` and `context` are parsed."""
        for batch in self.table.to_batches(max_chunksize=64):
            for row in batch.to_pylist():
                row["action"] = json.loads(row["action"])
                row["context"] = json.loads(row["context"])
                yield row


def decode_png(data: bytes) -> Pixels:
    """Return the pixels of a row's image, uint8 (height, width, 3), RGB."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def seal_dataset(
    built: BuiltDataset, folder: Path, recipient: SealingPublicKey
) -> None:
    """Write a dataset into a new folder, every file sealed to one key.

    Raises:
        DataError: The folder exists; nothing is changed.
    """
    if folder.exists():
        raise DataError(
            f"{folder.name} is already there.",
            remedy="Name another folder, or remove this one first.",
        )
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, data in _files(built).items():
            context = _context(built.manifest["dataset"], name)
            _write(draft / f"{name}.sealed", seal_blob(data, recipient, context))
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def open_dataset(folder: Path, key: SealingKey) -> Dataset:
    """Open a sealed dataset and check every shard against the manifest.

    Raises:
        DataError: A file is missing, belongs elsewhere, or differs from the manifest.
        SealError: Another key, or altered bytes.
    """
    name = _dataset_of(folder)
    manifest = parse_json(_open(folder, MANIFEST, name, key), what="A manifest")
    if manifest.get("schema") != SCHEMA_VERSION:
        raise DataError(f"{folder.name} has another schema than {SCHEMA_VERSION}.")
    tables = []
    for shard in manifest["shards"]:
        data = _open(folder, shard["name"], name, key)
        if sha256_hex(data) != shard["sha256"]:
            raise DataError(f"{shard['name']} is not the shard that was built.")
        tables.append(pq.read_table(io.BytesIO(data)))
    card = _open(folder, CARD, name, key).decode()
    return Dataset(manifest, card, pa.concat_tables(tables))


def clear_files(folder: Path, key: SealingKey) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each file of a sealed dataset, checked like an opening.

    Raises:
        DataError: A file is missing, belongs elsewhere, or differs from the manifest.
        SealError: Another key, or altered bytes.
    """
    manifest = open_dataset(folder, key).manifest
    names = [MANIFEST, CARD, *(str(shard["name"]) for shard in manifest["shards"])]
    for name in names:
        yield name, _open(folder, name, str(manifest["dataset"]), key)


def as_dataset(built: BuiltDataset) -> Dataset:
    """Return what was built as if it had been sealed and opened."""
    tables = [pq.read_table(io.BytesIO(data)) for data in built.shards.values()]
    return Dataset(built.manifest, built.card, pa.concat_tables(tables))


def _files(built: BuiltDataset) -> dict[str, bytes]:
    return {
        **built.shards,
        MANIFEST: manifest_bytes(built),
        CARD: built.card.encode(),
    }


def _context(dataset: str, name: str) -> dict[str, Any]:
    return {"kind": _KIND, "dataset": dataset, "name": name}


def _dataset_of(folder: Path) -> str:
    return str(blob_context(_read(folder, MANIFEST)).get("dataset", ""))


def _open(folder: Path, name: str, dataset: str, key: SealingKey) -> bytes:
    blob = _read(folder, name)
    if blob_context(blob) != _context(dataset, name):
        raise DataError(f"{name}.sealed in {folder.name} belongs elsewhere.")
    return open_blob(blob, key)


def _read(folder: Path, name: str) -> bytes:
    path = folder / f"{Path(name).name}.sealed"
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path.name} is missing in {folder.name}.",
            remedy="Build the dataset again: overt refine.",
        ) from error


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
