"""What a built dataset must not hold: canaries, paths, addresses.

Stage: dataset, before anything leaves the job. Input: an opened dataset and canary
texts. Output: findings that say where and how often, never what. It reads text columns,
manifest, card and the metadata of shards and images; it does not read pixels.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from overt.research.dataset.rows import IMAGE_COLUMNS, TEXT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overt.research.dataset.sealed import Dataset

Kind = Literal["canary", "path", "address"]
_PATH = re.compile(
    r"(?:^|[\s\"'=(,:]|file://)(?:/(?:home|root|tmp|usr|var|etc|opt|mnt|srv|work|Users)"
    r"/[^\s\"']|[A-Za-z]:\\\\?[^\s\"'])"
)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CONTENT = ("action", "context")  # what was on screen or typed: an address may be


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should not be there.

    Attributes:
        kind: A canary, an absolute path of a machine, an e-mail address.
        where: The column, `manifest`, `card`, or the metadata of shards or images.
        count: In how many values.
        canary: Number of the canary in the list searched for; -1 for other kinds.
    """

    kind: Kind
    where: str
    count: int
    canary: int = -1


def scan_dataset(dataset: Dataset, canaries: Sequence[str] = ()) -> list[Finding]:
    """Search a dataset's texts and metadata.

    Args:
        dataset: The opened or built dataset.
        canaries: Texts that must not be found, whatever their case; empty ones are
            passed over.
    """
    needles = [(number, text.lower()) for number, text in enumerate(canaries) if text]
    counts: Counter[tuple[Kind, str, int]] = Counter()
    for where, text in _texts(dataset):
        lowered = text.lower()
        for number, needle in needles:
            counts["canary", where, number] += needle in lowered
        counts["path", where, -1] += bool(_PATH.search(text))
        counts["address", where, -1] += (
            where not in _CONTENT and _ADDRESS.search(text) is not None
        )
    found = [(key, count) for key, count in counts.items() if count]
    return [
        Finding(kind, where, count, number)
        for (kind, where, number), count in sorted(found)
    ]


def _texts(dataset: Dataset) -> Iterator[tuple[str, str]]:
    yield "manifest", json.dumps(dataset.manifest, ensure_ascii=False)
    yield "card", dataset.card
    for key, value in (dataset.table.schema.metadata or {}).items():
        yield "shard metadata", f"{key.decode()} {value.decode()}"
    for name in TEXT_COLUMNS:
        for value in dataset.table.column(name).to_pylist():
            yield name, _unescaped(value) if name in _CONTENT else value or ""
    for name in IMAGE_COLUMNS:
        yield from _image_texts(dataset, name)


def _unescaped(value: str) -> str:
    """Return every string in a JSON text, without its escapes."""
    return "\n".join(_strings(json.loads(value)))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _image_texts(dataset: Dataset, name: str) -> Iterator[tuple[str, str]]:
    for image in dataset.table.column(name).to_pylist():
        if image is None:
            continue
        yield f"{name} metadata", image["path"] or ""
        info = Image.open(io.BytesIO(image["bytes"])).info
        yield f"{name} metadata", " ".join(str(item) for item in info.items() if info)
