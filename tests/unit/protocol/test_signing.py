"""Signed documents: types, thresholds, forms; canonical bytes; ids."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from overt.protocol.canonical import b64, canonical_bytes, parse_json, unb64
from overt.protocol.errors import DataError, SealError
from overt.protocol.ids import check_id, new_id
from overt.protocol.signing import (
    public_key,
    public_text,
    sign_document,
    trusted_keys,
    verify_document,
)

BODY = {"a": 1, "b": ["x", None, True]}


def trusted(world: Any, *names: str) -> Any:
    return trusted_keys([world.key(name).public_key() for name in names])


def test_a_document_gives_its_body_back(world: Any) -> None:
    document = sign_document("thing.v1", BODY, [world.key("a")])
    assert verify_document(document, "thing.v1", trusted(world, "a", "b")) == BODY


def test_a_document_of_one_type_is_none_of_another(world: Any) -> None:
    document = sign_document("thing.v1", BODY, [world.key("a")])
    with pytest.raises(DataError, match="is of type"):
        verify_document(document, "other.v1", trusted(world, "a"))
    renamed = document | {"payloadType": "application/vnd.overt.other.v1"}
    with pytest.raises(SealError, match="0 valid signatures"):
        verify_document(renamed, "other.v1", trusted(world, "a"))


@pytest.mark.parametrize(
    ("signers", "threshold", "holds"),
    [
        (["a", "b"], 2, True),
        (["a", "b", "c"], 2, True),
        (["a"], 2, False),
        (["a", "a"], 2, False),  # one key, twice
        (["a", "c"], 2, False),  # c is not trusted
        (["c"], 0, False),  # a threshold is never below one
        ([], 0, False),
    ],
)
def test_thresholds_count_distinct_trusted_keys(
    world: Any, signers: list[str], threshold: int, *, holds: bool
) -> None:
    document = sign_document("thing.v1", BODY, [world.key(name) for name in signers])
    keys = trusted(world, "a", "b")
    if holds:
        assert verify_document(document, "thing.v1", keys, threshold=threshold) == BODY
    else:
        with pytest.raises(SealError, match="are needed"):
            verify_document(document, "thing.v1", keys, threshold=threshold)


def test_a_signature_under_another_keys_name_does_not_count(world: Any) -> None:
    document = sign_document("thing.v1", BODY, [world.key("a"), world.key("c")])
    document["signatures"][1]["keyid"] = next(iter(trusted(world, "b")))
    with pytest.raises(SealError):
        verify_document(document, "thing.v1", trusted(world, "a", "b"), threshold=2)


@pytest.mark.parametrize(
    "change",
    [
        {"payload": b64(b'{"a":2}')},
        {"payload": 5},
        {"payload": "a="},
        {"payload": None},
        {"payloadType": None},
        {"signatures": None},
        {"signatures": {"keyid": 1}},
        {"signatures": [{"keyid": ["x"], "sig": "AA"}]},
        {"signatures": [{"keyid": "x", "sig": 7}]},
        {"signatures": []},
        {"signatures": ["x"]},
    ],
)
def test_altered_envelopes_are_refused(world: Any, change: dict[str, Any]) -> None:
    document = sign_document("thing.v1", BODY, [world.key("a")]) | change
    with pytest.raises((DataError, SealError)):
        verify_document(document, "thing.v1", trusted(world, "a"))


@pytest.mark.parametrize("part", ["payload", "sig"])
def test_every_flipped_bit_of_a_document_is_refused(world: Any, part: str) -> None:
    document = sign_document("thing.v1", BODY, [world.key("a")])
    holder = document if part == "payload" else document["signatures"][0]
    data = unb64(holder[part], what="it")
    for index in range(len(data)):
        changed = copy.deepcopy(document)
        where = changed if part == "payload" else changed["signatures"][0]
        flipped = bytearray(data)
        flipped[index] ^= 1
        where[part] = b64(bytes(flipped))
        with pytest.raises(SealError):
            verify_document(changed, "thing.v1", trusted(world, "a"))


def test_a_document_that_is_no_object_is_refused(world: Any) -> None:
    keys = trusted(world, "a")
    for value in ([], None, "x", 5):
        with pytest.raises(DataError):
            verify_document(value, "thing.v1", keys)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["+/+/", "AB==", "AB", "A", "A B", "é", "AA\n", "AAAA===="],
    ids=repr,
)
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(DataError, match="it is not base64url"):
        unb64(text, what="it")


def test_base64url_is_rfc_4648() -> None:
    for size in range(40):
        data = bytes(range(200, 200 + size))
        assert b64(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")
        assert unb64(b64(data), what="it") == data


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**60, object(), {1: 2}, {"\ud800": 1}, "\udfff", {1}],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(DataError):
        canonical_bytes({"value": value})


def test_canonical_bytes_are_those_of_rfc_8785() -> None:
    value = {"€": 1, "\r": 2, "1": 3, "😂": 4, "ö": 5, "x": [1e21, 0.1, -0.0, "\u2028"]}
    expected = (
        '{"\\r":2,"1":3,"x":[1e+21,0.1,0,"\u2028"],"ö":5,"€":1,"😂":4}'
    ).encode()
    assert canonical_bytes(value) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"1", b'"x"', b"{", b"\xff", b'{"a":NaN}', b'{"a":-Infinity}',
        b'{"a":' + b"9" * 5000 + b"}", b'{"a":' + b"[" * 100_000,
    ],
    ids=lambda data: repr(data[:12]),
)  # fmt: skip
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="A thing is not"):
        parse_json(data, what="A thing")


def test_public_keys_have_one_form(world: Any) -> None:
    key = world.key("a").public_key()
    assert public_key(public_text(key)).public_bytes_raw() == key.public_bytes_raw()
    for text in ("", "AAAA", public_text(key)[:-2], public_text(key) + "A"):
        with pytest.raises(DataError):
            public_key(text)


def test_ids_name_their_kind() -> None:
    first, second = new_id("seg"), new_id("seg")
    assert first != second
    assert check_id(first, "seg") == first
    for wrong in (
        new_id("sess"), "seg_", first.upper(), first + "a", f" {first}", f"{first}\n",
        "../" + first, 5, None,
    ):  # fmt: skip
        with pytest.raises(DataError, match="not an id of kind 'seg'"):
            check_id(wrong, "seg")  # type: ignore[arg-type]
