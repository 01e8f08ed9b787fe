"""Typed reading: nothing is converted, and the message names the path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from overt.protocol.errors import DataError
from overt.protocol.forms import read_form
from overt.protocol.records import Level


@dataclass(frozen=True)
class Leaf:
    size: int
    name: str = "none"


@dataclass(frozen=True)
class Tree:
    leaf: Leaf
    leaves: tuple[Leaf, ...]
    level: Level
    state: Literal["on", "off"]
    flags: dict[str, bool]
    rest: dict[str, Any]


GOOD: dict[str, Any] = {
    "leaf": {"size": 1},
    "leaves": [{"size": 2, "name": "a"}],
    "level": "clear",
    "state": "on",
    "flags": {"x": True},
    "rest": {"any": [1, None]},
}


def test_a_record_is_read_with_what_it_holds() -> None:
    tree = read_form(Tree, GOOD, what="A tree")
    assert tree == Tree(
        Leaf(1), (Leaf(2, "a"),), Level.CLEAR, "on", {"x": True}, {"any": [1, None]}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leaf": 5}, "A tree: leaf is no table of fields"),
        ({"leaf": {"size": "1"}}, "A tree: leaf: size is not a whole number"),
        ({"leaf": {"size": True}}, "A tree: leaf: size is not a whole number"),
        ({"leaf": {"size": 1.0}}, "A tree: leaf: size is not a whole number"),
        ({"leaf": {"name": "a"}}, "A tree: leaf lacks 'size'"),
        ({"leaf": {"size": 1, "name": None}}, "A tree: leaf: name is not a text"),
        ({"leaves": {"size": 1}}, "A tree: leaves is not a list"),
        ({"leaves": [{"size": 1}, []]}, "A tree: leaves 2 is no table of fields"),
        ({"level": "all"}, "A tree: level is none of off, masked, words, clear"),
        ({"level": 1}, "A tree: level is none of"),
        ({"state": "ON"}, "A tree: state is none of on, off"),
        ({"state": ["on"]}, "A tree: state is none of on, off"),
        ({"flags": {"x": 1}}, "A tree: flags: x is not true or false"),
        ({"flags": []}, "A tree: flags is no table of fields"),
        ({"more": 1}, "A tree has a foreign field 'more'"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_form(Tree, GOOD | change, what="A tree")
    assert message in str(caught.value)


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_what_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(DataError, match="A leaf is no table"):
        read_form(Leaf, body, what="A leaf")
