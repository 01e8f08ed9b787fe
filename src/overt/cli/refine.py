"""`overt refine`: from a release to a sealed dataset."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from overt.cli.options import maker_options
from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    SealError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.release import ReleaseHeader
    from overt.protocol.sealing import SealingKey
    from overt.protocol.segment import Segment


@click.command(
    epilog=exit_codes(SealError, VaultError, GovernError, DataError, NetworkError)
)
@maker_options
@click.option(
    "--surrogate",
    "seed",
    type=int,
    metavar="SEED",
    help="Put fake values, made from this seed, where text was masked.",
)
@passphrase_option
@json_option
def refine(
    job: Path,
    key_file: Path,
    server: str,
    broker: str,
    seed: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make a dataset of the released segments, and register it.

    It is sealed to a key that the broker keeps. An earlier dataset of the job is
    replaced.
    """
    from overt.cli.jobs import DATASET, grants_timing, read_request
    from overt.cli.making import open_maker
    from overt.protocol.ids import new_id
    from overt.research.dataset.leaks import scan_dataset
    from overt.research.dataset.rows import Origin
    from overt.research.dataset.sealed import as_dataset, seal_dataset
    from overt.research.dataset.shards import write_dataset
    from overt.research.refine.episodes import drop_counts, trajectories
    from overt.research.refine.episodes import refine as refine_segments
    from overt.research.refine.surrogate.disguise import disguise

    maker = open_maker(job, server, broker, key_file, passphrase_file)
    header, segments = read_segments(job, maker.key)
    exact = grants_timing(job, header.grant)
    outcomes = refine_segments(segments, traces=exact)
    purpose = str(read_request(job).get("purpose", ""))
    origin = Origin(
        new_id("ds"), header.programme, header.release, header.grant, purpose,
        "exact" if exact else "bursts", "recorded" if seed is None else "surrogate",
    )  # fmt: skip
    kept = trajectories(outcomes)
    if seed is not None:
        kept = [disguise(trajectory, seed) for trajectory in kept]
    built = write_dataset(kept, origin, dropped=drop_counts(outcomes))
    findings = scan_dataset(as_dataset(built))
    folder, fresh = job / DATASET, job / f"{DATASET}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    key = maker.fresh_key()
    seal_dataset(built, fresh, key.public)
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)
    held = tuple(sorted({str(one["segment"]) for one in built.manifest["lineage"]}))
    maker.register(
        folder, "dataset", key,
        name=origin.dataset, segments=held, release=header.release,
    )  # fmt: skip
    emit(
        {
            "dataset": origin.dataset,
            "rows": built.manifest["rows"],
            "episodes": built.manifest["episodes"],
            "dropped": built.manifest["dropped"],
            "findings": [asdict(item) for item in findings],
            "folder": str(folder),
        },
        as_json=as_json,
    )


def read_segments(job: Path, key: SealingKey) -> tuple[ReleaseHeader, list[Segment]]:
    """Open a job's release.

    Raises:
        GovernError: It has expired.
        DataError: There is none, or it is malformed.
        SealError: It is not this job's.
    """
    from overt.cli.jobs import RELEASE
    from overt.protocol.release import open_parts, read_release
    from overt.protocol.segment import read_segment

    path = job / RELEASE
    if not path.exists():
        raise DataError(f"{job} has no release.", remedy="Run: overt release.")
    data = path.read_bytes()
    header, parts = read_release(data)
    if time.time() >= header.expires_utc_s:
        raise GovernError(
            f"Release {header.release} has expired.", remedy="Ask for access anew."
        )
    segments = []
    for part, opened in zip(parts, open_parts(data, parts, key), strict=True):
        segment = read_segment(opened, recover=True)
        said = replace(
            segment.header, **asdict(part.header), programme=header.programme
        )
        segments.append(replace(segment, header=said))
    return header, segments
