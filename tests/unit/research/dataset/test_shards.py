"""A dataset is the same bytes for the same input, and says where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from overt.protocol.errors import DataError
from overt.research.dataset.sealed import as_dataset, decode_png
from overt.research.dataset.shards import write_dataset

if TYPE_CHECKING:
    from overt.research.dataset.rows import Origin
    from overt.research.refine.episodes import Trajectory


def test_same_input_in_any_order_gives_the_same_bytes(
    episodes: list[Trajectory], origin: Origin
) -> None:
    one = write_dataset(episodes, origin)
    other = write_dataset(episodes[::-1], origin)
    assert one == other


def test_rows_hold_the_steps(episodes: list[Trajectory], origin: Origin) -> None:
    rows = list(as_dataset(write_dataset(episodes, origin)).rows())
    assert [(row["episode"], row["step"]) for row in rows[:4]] == [
        ("task_a0", 0),
        ("task_a0", 1),
        ("task_a0", 2),
        ("task_a1", 0),
    ]
    click, typing, done = rows[:3]
    assert click["action"]["x_px"] == 60
    assert typing["action"] == {"action": "type", "text": "a0", "secret": False}
    assert done["action"] == {"action": "done", "status": "done"}
    assert [row["by"] for row in (click, typing, done)] == ["hand", "hand", None]
    assert done["frame_press"] is None
    assert done["frame_press_exact"] is None
    assert click["context"]["window"]["title"] == "Form"
    first = episodes[0].steps[0]
    decided = decode_png(click["frame_decide"]["bytes"])
    assert np.array_equal(decided, first.frame_decide.pixels())
    pressed = decode_png(click["frame_press"]["bytes"])
    assert first.frame_press is not None
    assert np.array_equal(pressed, first.frame_press.pixels())
    assert not np.array_equal(decided, pressed)


def test_each_row_leads_to_segment_consent_and_grant(
    episodes: list[Trajectory], origin: Origin
) -> None:
    built = write_dataset(episodes, origin, dropped={"gap": 2})
    assert built.manifest["lineage"] == [
        {
            "segment": f"seg_sess_{name}_0",
            "consent": f"cons_part_{name}",
            "grant": origin.grant,
            "rows": 6,
        }
        for name in "ab"
    ]
    assert built.manifest["rows"] == 12
    assert built.manifest["episodes"] == 4
    assert built.manifest["dropped"] == {"gap": 2}
    assert "gap 2" in built.card


def test_people_bear_the_names_of_their_release(
    episodes: list[Trajectory], origin: Origin
) -> None:
    built = write_dataset(episodes, origin)
    assert built.manifest["persons"] == {"part_a": 2, "part_b": 2}
    people = {row["person"] for row in as_dataset(built).rows()}
    assert people == {"part_a", "part_b"}


def test_no_person_stands_in_two_splits(
    episodes: list[Trajectory], origin: Origin
) -> None:
    one, other = "part_a", "part_b"
    split = write_dataset(episodes, origin, splits={"train": [one], "test": [other]})
    assert split.manifest["splits"] == {"test": [other], "train": [one]}
    with pytest.raises(DataError, match="two splits"):
        write_dataset(episodes, origin, splits={"a": [one, other], "b": [one]})
    with pytest.raises(DataError, match="exactly"):
        write_dataset(episodes, origin, splits={"a": [one]})


def test_nothing_and_twice_are_refused(
    episodes: list[Trajectory], origin: Origin
) -> None:
    with pytest.raises(DataError, match="No episode"):
        write_dataset([], origin)
    with pytest.raises(DataError, match="twice"):
        write_dataset([*episodes, episodes[0]], origin)
