"""The built dataset is searched for what must not be in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from overt.research.dataset.leaks import Finding, scan_dataset
from overt.research.dataset.sealed import as_dataset
from overt.research.dataset.shards import write_dataset
from overt.research.refine.episodes import refine, trajectories

if TYPE_CHECKING:
    from overt.research.dataset.rows import Origin
    from overt.research.refine.episodes import Trajectory


def test_clean_dataset_has_no_finding(
    episodes: list[Trajectory], origin: Origin
) -> None:
    dataset = as_dataset(write_dataset(episodes, origin))
    assert scan_dataset(dataset, ["not there", ""]) == []


def test_canaries_are_found_where_they_are(desk: Any, origin: Origin) -> None:
    desk.begin("task_1", "Find the swan")
    desk.context("window", title='The "Heron"', url="")
    desk.wait(10)
    desk.click()
    desk.type("stork")
    desk.end("task_1")
    dataset = as_dataset(write_dataset(trajectories(refine(desk.finish())), origin))
    found = scan_dataset(dataset, ["SWAN", 'the "heron"', "stork", "gull"])
    assert found == [
        Finding("canary", "action", 1, 2),
        Finding("canary", "context", 3, 1),
        Finding("canary", "goal", 3, 0),
    ]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("/home/someone/notes.txt", "path"),
        ("C:\\Users\\someone", "path"),
        ("someone@example.org", "address"),
    ],
)
def test_paths_and_addresses_are_found(
    episodes: list[Trajectory], origin: Origin, source: str, kind: str
) -> None:
    marked = [replace(episodes[0], source=source), *episodes[1:]]
    found = scan_dataset(as_dataset(write_dataset(marked, origin)))
    assert [(item.kind, item.where, item.count) for item in found] == [
        (kind, "source", 3)
    ]


def test_manifest_is_searched(episodes: list[Trajectory], origin: Origin) -> None:
    named = replace(origin, purpose="ask someone@example.org")
    found = scan_dataset(as_dataset(write_dataset(episodes, named)))
    assert {item.where for item in found} == {"card", "manifest"}
