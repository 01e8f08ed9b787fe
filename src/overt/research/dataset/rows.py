"""Trajectories to dataset rows, one a step, and their Arrow schema.

Stage: dataset. Input: trajectories of refine, the release that they came from. Output:
rows as plain values, in a fixed order. Images are PNG of the whole root window;
coordinates in actions and context are pixels of it. People, segments and consents bear
their names in the release. Specified in docs/spec/dataset.md.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa
from PIL import Image

from overt.protocol.actions import action_json
from overt.protocol.canonical import canonical_bytes
from overt.research.refine.pace import Pace, coarse_ms
from overt.research.refine.surrogate.disguise import Disguised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from overt.protocol.records import Pixels
    from overt.research.refine.episodes import Step, Trajectory

SCHEMA_VERSION = "overt-dataset-3"
Row = dict[str, Any]

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_COLUMNS: tuple[tuple[str, pa.DataType, str], ...] = (
    ("episode", pa.string(), "string"),
    ("step", pa.int32(), "int32"),
    ("person", pa.string(), "string"),
    ("segment", pa.string(), "string"),
    ("goal", pa.string(), "string"),
    ("source", pa.string(), "string"),
    ("frame_decide", _IMAGE, "Image"),
    ("frame_press", _IMAGE, "Image"),
    ("frame_decide_exact", pa.bool_(), "bool"),
    ("frame_press_exact", pa.bool_(), "bool"),
    ("t_ms", pa.int32(), "int32"),
    ("duration_ms", pa.int32(), "int32"),
    ("timing", pa.string(), "string"),
    ("action", pa.string(), "string"),
    ("by", pa.string(), "string"),
    ("context", pa.string(), "string"),
    ("surrogates", pa.string(), "string"),
    ("status", pa.string(), "string"),
    ("consent", pa.string(), "string"),
    ("grant", pa.string(), "string"),
)
IMAGE_COLUMNS = ("frame_decide", "frame_press")
TEXT_COLUMNS = tuple(name for name, kind, _ in _COLUMNS if kind == pa.string())


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dataset's rows come from and under which permission.

    Attributes:
        dataset: Dataset id.
        programme: Programme id.
        release: Release id.
        grant: Digest of the grant.
        purpose: What the grant allows it for.
        timing: `bursts`, or `exact` where the grant names it.
        level: `recorded`, or `surrogate` where fakes stand for what was masked.
    """

    dataset: str
    programme: str
    release: str
    grant: str
    purpose: str
    timing: Literal["bursts", "exact"] = "bursts"
    level: Literal["recorded", "surrogate"] = "recorded"


def arrow_schema() -> pa.Schema:
    """Return the schema of a shard, with the Hugging Face feature types."""
    features = {
        name: {"_type": "Image"}
        if feature == "Image"
        else {"dtype": feature, "_type": "Value"}
        for name, _, feature in _COLUMNS
    }
    metadata = {
        "huggingface": json.dumps({"info": {"features": features}}, sort_keys=True),
        "overt": SCHEMA_VERSION,
    }
    fields = [(name, kind) for name, kind, _ in _COLUMNS]
    return pa.schema(fields).with_metadata(metadata)


def rows_of(trajectories: Iterable[Trajectory], origin: Origin) -> Iterator[Row]:
    """Yield the rows of trajectories, ordered by episode and step."""
    for trajectory in sorted(trajectories, key=lambda each: each.episode):
        for number, step in enumerate(trajectory.steps):
            yield _row(trajectory, number, step, origin)


class Shown(Protocol):
    """A screen as a row shows it."""

    def pixels(self) -> Pixels:
        """Return uint8 (height, width, 3), RGB."""
        ...


def encode_png(screen: Shown) -> bytes:
    """Return the screen as PNG, quickly rather than tightly packed."""
    data = io.BytesIO()
    Image.fromarray(screen.pixels()).save(data, "PNG", compress_level=1)
    return data.getvalue()


def _row(trajectory: Trajectory, number: int, step: Step, origin: Origin) -> Row:
    decide, press = step.frame_decide, step.frame_press
    pace = step.pace or Pace(step.t_press_ns)
    png = encode_png(decide)
    press_png = None
    if press is not None:
        press_png = png if press.frame == decide.frame else encode_png(press)
    return {
        "episode": trajectory.episode,
        "step": number,
        "person": trajectory.person,
        "segment": step.segment,
        "goal": trajectory.goal,
        "source": trajectory.source,
        "frame_decide": {"bytes": png, "path": None},
        "frame_press": None if press is None else {"bytes": press_png, "path": None},
        "frame_decide_exact": decide.exact,
        "frame_press_exact": None if press is None else press.exact,
        "t_ms": coarse_ms(pace.t_ns - trajectory.t_begin_ns),
        "duration_ms": None if pace.length_ns is None else coarse_ms(pace.length_ns),
        "timing": _timing(step),
        "action": canonical_bytes(action_json(step.action)).decode(),
        "by": step.by,
        "context": canonical_bytes(step.context).decode(),
        "surrogates": _surrogates(step),
        "status": trajectory.status,
        "consent": step.consent,
        "grant": origin.grant,
    }


def _surrogates(step: Step) -> str | None:
    """Return where fake text stands on the screens; None where none is."""
    shown = {"decide": step.frame_decide, "press": step.frame_press}
    boxes = {
        name: [list(box) for box in screen.boxes()]
        for name, screen in shown.items()
        if isinstance(screen, Disguised)
    }
    return canonical_bytes(boxes).decode() if boxes else None


def _timing(step: Step) -> str | None:
    """Return the events as they were, where refine was allowed to keep them."""
    if not step.trace:
        return None
    return json.dumps([list(event) for event in step.trace], separators=(",", ":"))
