"""A signed call is for one method, target, body and time."""

from __future__ import annotations

from typing import Any

import pytest

from overt.protocol.calls import MAX_SKEW_S, parse_call, sign_call, verify_call
from overt.protocol.errors import DataError, GovernError
from overt.protocol.signing import key_id

CALL = {"method": "POST", "target": "/v1/lease?a=1", "body": b"{}"}
NOW_UTC_S = 1_800_000_000


def header(world: Any) -> str:
    return sign_call(world.device, **CALL, utc_s=NOW_UTC_S, nonce="abcdefgh-_1")


def check(world: Any, text: str, **changes: Any) -> None:
    given = CALL | {"now_utc_s": NOW_UTC_S} | changes
    verify_call(parse_call(text), world.device.public_key(), **given)


def test_a_call_verifies_within_the_skew(world: Any) -> None:
    proof = parse_call(header(world))
    assert proof.key_id == key_id(world.device.public_key())
    assert (proof.utc_s, proof.nonce) == (NOW_UTC_S, "abcdefgh-_1")
    for now_utc_s in (NOW_UTC_S - MAX_SKEW_S, NOW_UTC_S + MAX_SKEW_S):
        check(world, header(world), now_utc_s=now_utc_s)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "PUT"},
        {"target": "/v1/lease"},
        {"target": "/v1/lease?a=2"},
        {"target": "/v1/lease?a=1 "},
        {"body": b"{ }"},
        {"body": b""},
        {"now_utc_s": NOW_UTC_S + MAX_SKEW_S + 1},
        {"now_utc_s": NOW_UTC_S - MAX_SKEW_S - 1},
    ],
)
def test_an_altered_call_is_refused(world: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(GovernError):
        check(world, header(world), **changes)


@pytest.mark.parametrize("part", [1, 2, 3])
def test_an_altered_header_is_refused(world: Any, part: int) -> None:
    parts = header(world).split(",")
    other = sign_call(world.device, **CALL, utc_s=NOW_UTC_S + 1, nonce="b" * 16)
    parts[part] = other.split(",")[part]
    with pytest.raises(GovernError):
        check(world, ",".join(parts))


def test_anothers_key_is_refused(world: Any) -> None:
    with pytest.raises(GovernError, match="does not hold"):
        verify_call(
            parse_call(header(world)),
            world.key("eve").public_key(),
            **CALL,
            now_utc_s=NOW_UTC_S,
        )


@pytest.mark.parametrize(
    "text",
    [
        "", "Overt", "Overt ", "Bearer a,1,abcdefgh,AA", "Overt a,1,abcdefgh",
        "Overt a,1,abcdefgh,AA,b", "Overt a,-1,abcdefgh,AA", "Overt a,1.5,abcdefgh,AA",
        "Overt a,²,abcdefgh,AA", "Overt a,٣,abcdefgh,AA", "Overt a,1,,AA",
        "Overt a,1,a\nb,AA", "Overt a,1,abcdefgh,A", "Overt a,1,abcdefgh,!!",
        f"Overt a,{'9' * 5000},abcdefgh,AA", f"Overt a,1,{'n' * 129},AA",
    ],
    ids=lambda text: repr(text[:24]),
)  # fmt: skip
def test_malformed_headers_are_refused(text: str) -> None:
    with pytest.raises(DataError):
        parse_call(text)


def test_a_signature_of_another_length_is_refused(world: Any) -> None:
    start = header(world).rsplit(",", 1)[0]
    with pytest.raises(GovernError):
        check(world, start + ",AAAA")
