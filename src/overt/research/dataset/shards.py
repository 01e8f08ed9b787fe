"""A dataset as bytes: Parquet shards, a manifest, a card.

Stage: dataset. Input: trajectories and their origin. Output: `BuiltDataset`,
byte-identical for the same input: fixed order, no time of making, no dictionary for
images. It writes no file and asks for no permission; the origin names the one it has.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from overt.protocol.canonical import canonical_bytes, sha256_hex
from overt.protocol.errors import DataError
from overt.research.dataset.rows import (
    IMAGE_COLUMNS,
    SCHEMA_VERSION,
    Origin,
    Row,
    arrow_schema,
    rows_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from overt.research.refine.episodes import Trajectory

ROWS_PER_SHARD = 2000
_ROWS_PER_GROUP = 100
_CARD = """\
# Dataset {dataset}

Made under grant `{grant}` for the purpose *{purpose}*, from release `{release}`.
It may be used for that purpose alone and not after the grant has ended.

- {episodes} episodes, {rows} steps, {people} people (pseudonymised, not anonymous)
{facts}

A step is an observation and the action that followed. `frame_decide` is the screen
when the approach to the action began: learn from it. `frame_press` is the screen at
the action, where the target already shows its hover style. Both are PNG of the whole
screen; coordinates are its pixels.

Each row names its segment, consent record and grant. A withdrawal revokes the
segments that it names; `lineage` in the manifest says which rows they are.
"""


@dataclass(frozen=True, slots=True)
class BuiltDataset:
    """A dataset before it is sealed.

    Attributes:
        manifest: What it holds and where that came from.
        shards: Parquet bytes by file name, in order.
        card: What a reader should know, in Markdown.
    """

    manifest: dict[str, Any]
    shards: dict[str, bytes]
    card: str


def write_dataset(
    trajectories: Sequence[Trajectory],
    origin: Origin,
    *,
    dropped: Mapping[str, int] | None = None,
    splits: Mapping[str, Sequence[str]] | None = None,
) -> BuiltDataset:
    """Build a dataset.

    Args:
        trajectories: Episodes of refine, in any order.
        origin: Release, grant and purpose.
        dropped: Episodes left out, by reason, for manifest and card.
        splits: Release pseudonyms by name of split; default: all are `train`.

    Raises:
        DataError: No trajectory, an episode twice, a person in two splits or in
            none.
    """
    names = [trajectory.episode for trajectory in trajectories]
    if not names:
        raise DataError(
            "No episode is left to make a dataset of.",
            remedy="Look at the reasons for which episodes were dropped.",
        )
    if len(set(names)) < len(names):
        raise DataError(f"Dataset {origin.dataset} would hold an episode twice.")
    tally = _Tally()
    shards = {
        f"shard-{number:05d}.parquet": data
        for number, data in enumerate(_shards(rows_of(trajectories, origin), tally))
    }
    manifest = _manifest(origin, tally, shards)
    manifest["splits"] = _splits(tally, splits)
    manifest["dropped"] = dict(sorted((dropped or {}).items()))
    return BuiltDataset(manifest, shards, _card(manifest))


class _Tally:
    """What is counted while rows pass by."""

    def __init__(self) -> None:
        self.rows = 0
        self.episodes: dict[str, str] = {}  # episode: status
        self.persons: dict[str, set[str]] = {}  # person: episodes
        self.actions: Counter[str] = Counter()
        self.lineage: Counter[tuple[str, str, str]] = Counter()
        self.exact: Counter[str] = Counter()
        self.per_shard: list[int] = []

    def take(self, rows: Sequence[Row]) -> None:
        self.per_shard.append(len(rows))
        self.rows += len(rows)
        for row in rows:
            self.episodes[row["episode"]] = row["status"]
            self.persons.setdefault(row["person"], set()).add(row["episode"])
            self.actions[json.loads(row["action"])["action"]] += 1
            self.lineage[row["segment"], row["consent"], row["grant"]] += 1
            for name in IMAGE_COLUMNS:
                self.exact[name] += bool(row[f"{name}_exact"])
                self.exact[f"{name} in all"] += row[name] is not None


def _shards(rows: Iterable[Row], tally: _Tally) -> Iterable[bytes]:
    source = iter(rows)
    while batch := list(islice(source, ROWS_PER_SHARD)):
        tally.take(batch)
        yield _parquet(batch)


def _parquet(rows: Sequence[Row]) -> bytes:
    schema = arrow_schema()
    images = [f"{name}.{part}" for name in IMAGE_COLUMNS for part in ("bytes", "path")]
    plain = [name for name in schema.names if name not in IMAGE_COLUMNS]
    data = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(list(rows), schema=schema),
        data,
        row_group_size=_ROWS_PER_GROUP,
        compression=dict.fromkeys(plain, "zstd") | dict.fromkeys(images, "none"),
        use_dictionary=plain,
        write_statistics=False,  # statistics would repeat values beside the columns
    )
    return data.getvalue()


def _manifest(
    origin: Origin, tally: _Tally, shards: Mapping[str, bytes]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA_VERSION,
        **asdict(origin),
        "rows": tally.rows,
        "episodes": len(tally.episodes),
        "status": dict(sorted(Counter(tally.episodes.values()).items())),
        "actions": dict(sorted(tally.actions.items())),
        "persons": {name: len(tally.persons[name]) for name in sorted(tally.persons)},
        "frames_exact": dict(sorted(tally.exact.items())),
        "coordinates": "pixels of the recorded root window, origin top left",
        "shards": [
            {
                "name": name,
                "rows": count,
                "size_bytes": len(data),
                "sha256": sha256_hex(data),
            }
            for (name, data), count in zip(shards.items(), tally.per_shard, strict=True)
        ],
        "lineage": [
            {"segment": segment, "consent": consent, "grant": grant, "rows": rows}
            for (segment, consent, grant), rows in sorted(tally.lineage.items())
        ],
    }


def _splits(
    tally: _Tally, splits: Mapping[str, Sequence[str]] | None
) -> dict[str, list[str]]:
    if splits is None:
        return {"train": sorted(tally.persons)}
    named = [person for persons in splits.values() for person in persons]
    if len(set(named)) < len(named):
        raise DataError("A person stands in two splits of a dataset.")
    if set(named) != set(tally.persons):
        raise DataError("The splits of a dataset do not name exactly its people.")
    return {name: sorted(splits[name]) for name in sorted(splits)}


def _card(manifest: dict[str, Any]) -> str:
    counted = {
        "Outcomes": manifest["status"],
        "Actions": manifest["actions"],
        "Left out, by reason": manifest["dropped"],
    }
    people = len(manifest["persons"])
    facts = [f"- {what}: {_counts(counts)}" for what, counts in counted.items()]
    return _CARD.format(**manifest, people=people, facts="\n".join(facts))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items()) or "none"


def manifest_bytes(built: BuiltDataset) -> bytes:
    """Return the manifest as canonical JSON."""
    return canonical_bytes(built.manifest)
