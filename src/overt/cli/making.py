"""What a job has made, as the vault is told of it; and its dataset in clear.

Input: a job's folder with its key. Output: registrations, sources before what was made
of them; or the dataset's files in a new folder, which is there whole or not at all.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from overt.cli.files import whole_file
from overt.cli.jobs import DATASET, REQUEST, read_request
from overt.protocol.canonical import sha256_hex
from overt.protocol.consent import document_digest
from overt.protocol.derived import Derived, DerivedKind
from overt.protocol.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from overt.protocol.sealing import SealingKey


def made_by(job: Path, key: SealingKey, researcher: str) -> list[Derived]:
    """Return what a job has made, in the order in which it must be registered.

    Raises:
        DataError: There is no dataset, or a file is malformed.
        SealError: It is not this job's.
    """
    from overt.cli.files import read_json
    from overt.research.dataset.sealed import open_dataset

    manifest = open_dataset(job / DATASET, key).manifest
    grant = document_digest(read_json(job / REQUEST, what="The request"))
    request = str(read_request(job).get("request", ""))
    segments = tuple(sorted({str(one["segment"]) for one in manifest["lineage"]}))
    name = str(manifest["dataset"])
    digest = _sha256(job / DATASET / "manifest.json.sealed")
    dataset = Derived(
        name, "dataset", request, grant, researcher, digest, segments, (),
        str(manifest["release"]),
    )  # fmt: skip
    rest = [
        Derived(made, kind, request, grant, researcher, digest, (), (source,))
        for made, kind, digest, source in _made_of(job, name)
    ]
    return [dataset, *rest]


def _made_of(job: Path, dataset: str) -> Iterator[tuple[str, DerivedKind, str, str]]:
    """Yield id, kind, digest and source of models, then of evaluations."""
    models = {}
    for path in sorted((job / "checkpoints").glob("*.ckpt.sealed")):
        digest = _sha256(path)
        models[path.name.removesuffix(".ckpt.sealed")] = f"model-{digest[:16]}"
        yield f"model-{digest[:16]}", "model", digest, dataset
    for path in sorted((job / "evaluations").glob("*.json.sealed")):
        digest = _sha256(path)
        source = models.get(path.name.removesuffix(".json.sealed"), dataset)
        yield f"evaluation-{digest[:16]}", "evaluation", digest, source


def _sha256(path: Path) -> str:
    try:
        return sha256_hex(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def write_clear(job: Path, key: SealingKey, output: Path) -> int:
    """Write a job's dataset in clear into a new folder; return how many files.

    Raises:
        DataError: A file is missing or differs from the manifest.
        SealError: It is not this job's.
        UsageError: The folder cannot be written.
    """
    from overt.research.dataset.sealed import clear_files

    part = output.with_name(output.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    count = 0
    try:
        for name, data in clear_files(job / DATASET, key):
            with whole_file(part / name) as file:
                file.write(data)
            count += 1
        part.rename(output)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count
