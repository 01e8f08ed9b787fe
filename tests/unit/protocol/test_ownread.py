"""Own reads and recoveries as documents: who signs, and what names whom."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol.canonical import b64
from overt.protocol.errors import DataError, GovernError, SealError
from overt.protocol.ids import check_id, new_id
from overt.protocol.ownread import OwnRead, sign_own_read, verify_own_read
from overt.protocol.recovery import (
    Objection,
    Recovery,
    asked_recovery,
    cosign_recovery,
    sign_objection,
    sign_recovery,
    verify_objection,
)
from overt.protocol.sealing import SealingKey
from overt.protocol.signing import device_id, public_text

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PROGRAMME, GIVEN, NOW_S = new_id("prog"), "2026-11-23T00:00:00Z", 1_795_392_000
OWN = b64(SealingKey.generate().public.raw)
ME = public_text(KEY.public_key())
READ = OwnRead(
    new_id("own"), PROGRAMME, new_id("part"), device_id(KEY.public_key()), ME, OWN,
    (), "", GIVEN,
)  # fmt: skip
RECOVERY = Recovery(
    new_id("rcv"), PROGRAMME, new_id("part"), new_id("dev"), ME, OWN, GIVEN
)


def test_a_devices_id_names_its_key_and_no_other() -> None:
    assert check_id(READ.device, "dev") == device_id(KEY.public_key())
    assert device_id(OTHER.public_key()) != READ.device


def test_an_own_read_is_signed_by_the_key_that_it_names_alone() -> None:
    document = sign_own_read(READ, KEY)
    assert verify_own_read(document, PROGRAMME, now_utc_s=NOW_S) == READ
    with pytest.raises(DataError, match="another key"):
        sign_own_read(READ, OTHER)


@pytest.mark.parametrize("off_s", [-121, 121])
def test_an_own_read_is_fresh_for_two_minutes_either_way(off_s: int) -> None:
    document = sign_own_read(READ, KEY)
    assert verify_own_read(document, PROGRAMME, now_utc_s=NOW_S + off_s // 121 * 120)
    with pytest.raises(GovernError, match="time is off"):
        verify_own_read(document, PROGRAMME, now_utc_s=NOW_S + off_s)


def test_a_cosignature_stands_beside_the_new_devices_and_replaces_none() -> None:
    asked = sign_recovery(RECOVERY, KEY)
    signed = cosign_recovery(asked, OTHER)
    assert asked_recovery(signed) == asked_recovery(asked) == RECOVERY
    assert len(signed["signatures"]) == 2
    again = cosign_recovery(signed, Ed25519PrivateKey.generate())
    assert len(again["signatures"]) == 2
    with pytest.raises(SealError):
        cosign_recovery(sign_recovery(RECOVERY, OTHER), KEY)


def test_an_objection_is_its_devices_own_and_of_one_programme() -> None:
    no = Objection(RECOVERY.recovery, PROGRAMME, ME, GIVEN)
    assert verify_objection(sign_objection(no, KEY), PROGRAMME) == no
    with pytest.raises(SealError):
        verify_objection(sign_objection(no, OTHER), PROGRAMME)
    with pytest.raises(GovernError, match="another programme"):
        verify_objection(sign_objection(no, KEY), new_id("prog"))
