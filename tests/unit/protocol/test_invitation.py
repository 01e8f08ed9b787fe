"""Invitations and vault keys: checked up to the programme keys; altered, refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from overt.protocol import invitation as invitations
from overt.protocol.canonical import b64
from overt.protocol.errors import DataError, OvertError, SealError
from overt.protocol.invitation import verify_person_key as verify
from overt.protocol.signing import sign_document

PERSON = "part_" + "b" * 26


def person_key(world: Any, **changes: Any) -> Any:
    given = {
        "programme": world.programme.programme,
        "person": PERSON,
        "public": world.person.public,
        "keys": world.programme_keys,
    } | changes
    return invitations.sign_person_key(*given.values())


def test_a_persons_vault_key_is_checked_up_to_the_programme_keys(world: Any) -> None:
    public = verify(world.anchor, person_key(world), PERSON)
    assert public.raw == world.person.public.raw


@pytest.mark.parametrize(
    "changes",
    [
        {"person": "part_" + "c" * 26},  # the server hands out another person's key
        {"programme": "prog_" + "z" * 26},
        {"keys": []},
    ],
)
def test_a_swapped_vault_key_is_refused(world: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(SealError):
        verify(world.anchor, person_key(world, **changes), PERSON)


def test_a_vault_key_signed_by_others_is_refused(world: Any) -> None:
    forged = person_key(world, keys=[world.key("eve"), world.key("mallory")])
    with pytest.raises(SealError):
        verify(world.anchor, forged, PERSON)
    exchanged = person_key(world) | {"payload": forged["payload"][:-4] + "AAAA"}
    with pytest.raises(OvertError):
        verify(world.anchor, exchanged, PERSON)


def invitation(world: Any) -> Any:
    return invitations.invitation_json(
        invitations.Invitation(
            anchor=world.anchor,
            server="http://127.0.0.1:8000",
            person=PERSON,
            code="c" * 26,
            person_key=person_key(world),
            expires_utc_s=world.now_utc_s,
        )
    )


def test_an_invitation_is_read_back(world: Any) -> None:
    read = invitations.parse_invitation(invitation(world))
    assert read.anchor == world.anchor
    assert invitations.invitation_json(read) == invitation(world)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["overt"], "invitation.v2"),
        (["overt"], None),
        (["anchor"], None),
        (["anchor", "threshold"], "2"),
        (["anchor", "threshold"], None),
        (["anchor", "keys"], "abc"),
        (["anchor", "keys"], [5]),
        (["anchor", "programme"], "prog_1"),
        (["person"], "part_" + "c" * 26),
        (["person"], 5),
        (["person_key"], []),
        (["expires_utc_s"], "soon"),
        (["server"], 5),
        (["more"], 1),
    ],
)
def test_altered_invitations_are_refused(
    world: Any, path: list[str], value: Any
) -> None:
    body = copy.deepcopy(invitation(world))
    *parents, last = path
    table = body
    for name in parents:
        table = table[name]
    table[last] = value
    with pytest.raises((DataError, SealError)):
        invitations.parse_invitation(body)


def test_an_invitation_with_a_vault_key_of_other_signers_is_refused(
    world: Any,
) -> None:
    forged = person_key(world, keys=[world.key("eve"), world.key("mallory")])
    with pytest.raises(SealError):
        invitations.parse_invitation(invitation(world) | {"person_key": forged})


def test_a_vault_key_that_is_no_key_is_refused(world: Any) -> None:
    for text in (b64(bytes(1215)), b64(b"\xff" * 1216), "", "é"):
        body = {"programme": world.programme.programme, "person": PERSON}
        document = sign_document(
            "person-key.v1", body | {"public": text}, world.programme_keys
        )
        with pytest.raises(DataError):
            verify(world.anchor, document, PERSON)
