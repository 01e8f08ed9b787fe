"""Actions, canonical bytes and base64url over arbitrary values."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.protocol import actions
from overt.protocol.canonical import b64, canonical_bytes, parse_json, unb64
from overt.protocol.errors import DataError

words = st.text(st.characters(exclude_categories=["Cs"]))
pixels = st.integers(-(2**15), 2**15 - 1)
buttons = st.sampled_from(["left", "middle", "right"])
any_action = st.one_of(
    st.builds(actions.Click, pixels, pixels, buttons, st.integers(1, 3)),
    st.builds(actions.Drag, pixels, pixels, pixels, pixels, buttons),
    st.builds(actions.Scroll, pixels, pixels, pixels, pixels),
    st.builds(actions.Type, words),
    st.just(actions.Type(secret=True)),
    st.builds(actions.Key, words),
    st.builds(actions.Done, st.sampled_from(["done", "failed", "discard"])),
)
# RFC 8785 writes a float beyond 2**53 like an integer, which is none of its own
numbers = st.floats(-(2.0**53) + 1, 2.0**53 - 1) | st.sampled_from(
    [float("nan"), float("inf")]
)
scalars = st.none() | st.booleans() | st.integers() | numbers | st.text()
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(json_values)
def test_canonical_bytes_are_those_of_the_reference(value: Any) -> None:
    try:
        expected: bytes | None = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        expected = None
    if expected is None:
        with pytest.raises(DataError):
            canonical_bytes(value)
    else:
        assert canonical_bytes(value) == expected


@given(any_action)
def test_actions_survive_their_json(action: actions.Action) -> None:
    data = canonical_bytes(actions.action_json(action))
    assert actions.parse_action(parse_json(data, what="An action")) == action


@given(
    st.dictionaries(
        st.sampled_from(["action", "x_px", "y_px", "text", "button", "secret"]),
        scalars | st.sampled_from(["click", "type", "left"]),
    )
)
def test_any_object_is_an_action_or_a_data_error(value: dict[str, Any]) -> None:
    try:
        action = actions.parse_action(value)
    except DataError:
        return
    assert actions.action_json(action).items() >= value.items()


@settings(max_examples=300)
@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_canonical_bytes_are_one_form_of_the_value(value: dict[str, Any]) -> None:
    try:
        data = canonical_bytes(value)
    except DataError:
        return
    read = parse_json(data, what="A value")
    assert canonical_bytes(read) == data
    shuffled = dict(reversed(read.items()))
    assert canonical_bytes(shuffled) == data
    assert parse_json(json.dumps(read).encode(), what="A value") == read


@given(st.binary(max_size=400))
def test_any_bytes_are_an_object_or_a_data_error(data: bytes) -> None:
    try:
        assert isinstance(parse_json(data, what="A value"), dict)
    except DataError as error:
        assert "A value" in str(error)  # noqa: PT017 - not raised for every input


@given(st.binary(max_size=100))
def test_base64url_survives(data: bytes) -> None:
    assert unb64(b64(data), what="it") == data


@given(st.text("ABab01-_+/= é", max_size=12))
def test_a_text_is_one_spelling_or_an_error(text: str) -> None:
    try:
        assert b64(unb64(text, what="it")) == text
    except DataError as error:
        assert "it is not base64url" in str(error)  # noqa: PT017 - as above
