"""Every vector is read as its index says; the generator still makes the same files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import (
    actions,
    consent,
    derived,
    errors,
    grants,
    halt,
    ownread,
    recovery,
    release,
    tlog,
)
from overt.protocol import invitation as invitations
from overt.protocol import programme as programmes
from overt.protocol import segment as segments
from overt.protocol.canonical import canonical_bytes, parse_json, sha256_hex, unb64
from overt.protocol.keyfile import unlock_secret
from overt.protocol.sealing import (
    SealingKey,
    open_blob,
    open_segment,
    parse_sealed,
    verify_sealed,
)
from overt.protocol.signing import public_text
from overt.recorder.spool import Spool
from overt.vault.exposure.findings import verify_agreed

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
FILES = HERE / "files"
INDEX: list[dict[str, Any]] = json.loads((HERE / "vectors.json").read_text())
KEYS: dict[str, Any] = json.loads((HERE / "keys.json").read_text())
OWN_READ_S = 1_795_428_000  # 2026-11-23T10:00:00Z
SEALED_KINDS = {"sealed", "blob", "release", "spool", "key"}


def signer(name: str) -> Ed25519PrivateKey:
    seed = bytes.fromhex(KEYS["ed25519_seeds"][name])
    return Ed25519PrivateKey.from_private_bytes(seed)


def sealer(name: str) -> SealingKey:
    return SealingKey(bytes.fromhex(KEYS["sealing_keys"][name]))


def anchor() -> programmes.Anchor:
    pinned = [signer(name).public_key() for name in ("programme-1", "programme-2")]
    return programmes.Anchor("prog_" + "a" * 26, tuple(map(public_text, pinned)), 2)


def document(data: bytes) -> dict[str, Any]:
    return parse_json(data, what="A vector")


def programme() -> programmes.Programme:
    return anchor().programme_of(document((FILES / "programme.json").read_bytes()))


def a_segment(data: bytes, folder: Path) -> Any:
    del folder
    return segments.read_segment(data)


def a_sealed(data: bytes, folder: Path) -> Any:
    del folder
    sealed = parse_sealed(data)
    verify_sealed(sealed, signer("device").public_key())
    return [open_segment(sealed, sealer("person"))]


def a_spool(data: bytes, folder: Path) -> Any:
    segment = "seg_" + "a" * 26
    (folder / f"{segment}.ovsp").write_bytes(data)
    return [Spool(folder).read(segment, sealer("person"))]


def some_actions(data: bytes, folder: Path) -> Any:
    del folder
    read = [actions.parse_action(document(line)) for line in data.splitlines()]
    written = [canonical_bytes(actions.action_json(one)) for one in read]
    assert b"".join(one + b"\n" for one in written) == data
    return read


def read_document(data: bytes, kind: str) -> Any:
    device = signer("device").public_key()
    digest = consent.document_digest(document((FILES / "consent.json").read_bytes()))
    readers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "programme": anchor().programme_of,
        "invitation": invitations.parse_invitation,
        "consent": lambda body: consent.verify_consent(body, device),
        "withdrawal": lambda body: consent.verify_withdrawal(body, device),
        "receipt": lambda body: consent.verify_receipt(
            body, programme(), digest=digest
        ),
        "lease": lambda body: consent.verify_lease(body, programme(), nonce="a" * 22),
        "request": lambda body: grants.verify_request(body, programme()),
        "approval": lambda body: grants.verify_approval(body, programme()),
        "derived": lambda body: derived.verify_derived(body, programme()),
        "export": lambda body: derived.verify_export(body, programme()),
        "decision": lambda body: derived.verify_decision(body, programme()),
        "halt": lambda body: halt.verify_halt(body, programme()),
        "own-recovery": lambda body: recovery.verify_recovery(body, programme()),
        "own-objection": lambda body: recovery.verify_objection(
            body, programme().programme
        ),
        "own-read": lambda body: ownread.verify_own_read(
            body, programme().programme, now_utc_s=OWN_READ_S
        ),
        "exposure-agreed": lambda body: verify_agreed(body, programme()),
        "key": lambda body: unlock_secret(body, KEYS["passphrase"]),
    }
    return readers[kind](document(data))


def a_consistency(data: bytes, folder: Path) -> Any:
    del folder
    told = document(data)
    older, newer = map(bytes.fromhex, told["roots"])
    proof = [bytes.fromhex(one) for one in told["proof"]]
    tlog.verify_consistency(told["first"], told["second"], proof, (older, newer))
    return told


READERS: dict[str, Callable[[bytes, Path], Any]] = {
    "description": lambda data, _: data,
    "segment": a_segment,
    "sealed": a_sealed,
    "spool": a_spool,
    "blob": lambda data, _: [open_blob(data, sealer("job"))],
    "release": lambda data, _: list(release.open_release(data, sealer("job"))),
    "actions": some_actions,
    "tile": lambda data, _: tlog.split_tile(data),
    "entries": lambda data, _: tlog.unpack_entries(data),
    "consistency": a_consistency,
    "cosigned": lambda data, _: tlog.cosigned_at(
        data, tlog.WitnessKey(KEYS["witness"], signer("witness").public_key())
    ),
    "checkpoint": lambda data, _: tlog.open_checkpoint(
        data, KEYS["log_origin"], signer("log").public_key()
    ),
}


def read(entry: dict[str, Any], folder: Path) -> Any:
    data = (FILES / entry["file"]).read_bytes()
    reader = READERS.get(entry["kind"])
    return reader(data, folder) if reader else read_document(data, entry["kind"])


@pytest.mark.parametrize(
    "entry", [one for one in INDEX if one["valid"]], ids=lambda one: one["file"]
)
def test_a_valid_vector_is_read(entry: dict[str, Any], tmp_path: Path) -> None:
    found = read(entry, tmp_path)
    assert found
    if "holds" in entry:
        assert found == [(FILES / name).read_bytes() for name in entry["holds"]]


@pytest.mark.parametrize(
    "entry", [one for one in INDEX if not one["valid"]], ids=lambda one: one["file"]
)
def test_a_malformed_vector_raises_what_it_names(
    entry: dict[str, Any], tmp_path: Path
) -> None:
    error = getattr(errors, entry["error"])
    with pytest.raises(error, match=re.escape(entry["says"])) as caught:
        read(entry, tmp_path)
    assert type(caught.value) is error


def test_a_segment_holds_what_its_description_says() -> None:
    told = json.loads((FILES / "segment.json").read_text())
    parsed = segments.read_segment((FILES / "segment.bin").read_bytes())
    assert told["header"]["started_utc_ns"] == str(parsed.header.started_utc_ns)
    assert len(told["records"]) == len(parsed.records)
    for record, one in zip(parsed.records, told["records"], strict=True):
        match one["record"]:
            case "input":
                rows = [[int(row[0]), *row[1:]] for row in one["events"]]
                assert rows == [list(row) for row in record.events.tolist()]
            case "tiles":
                assert one["sha256"] == [sha256_hex(t.tobytes()) for t in record.pixels]
            case "mark":
                assert one["signature"] == record.signature.hex()
                assert (one["kind"], one["body"]) == (record.kind, record.body)
            case _:
                assert int(one["t_ns"]) == record.t_ns


def test_the_log_follows_from_its_entries() -> None:
    told = json.loads((FILES / "log.json").read_text())
    leaves = [
        tlog.leaf_commitment(unb64(salt, what="a salt"), entry.encode())
        for salt, entry in zip(told["salts"], told["entries"], strict=True)
    ]
    hashes = [tlog.leaf_hash(leaf) for leaf in leaves]
    assert tlog.unpack_entries((FILES / "log-entries.bin").read_bytes()) == leaves
    assert tlog.split_tile((FILES / "log-tile.bin").read_bytes()) == hashes
    checkpoint = tlog.open_checkpoint(
        (FILES / "checkpoint.txt").read_bytes(),
        KEYS["log_origin"],
        signer("log").public_key(),
    )
    assert checkpoint.root == tlog.subtree_hash(hashes)


def test_the_approvals_grant_the_request() -> None:
    request, first, second = (
        document((FILES / name).read_bytes())
        for name in ("request.json", "approval-1.json", "approval-2.json")
    )
    granted = grants.check_grant(
        request, [first, second], programme(), now_utc_s=1_800_000_000
    )
    assert granted.approvers == ("approver", "representative")


def test_the_index_names_every_file_and_all_are_small() -> None:
    files = list(FILES.iterdir())
    assert sorted(one["file"] for one in INDEX) == sorted(one.name for one in files)
    assert sum(one.stat().st_size for one in files) < 300_000


def test_the_generator_makes_the_same_files(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "generate.py"), str(tmp_path)]
    subprocess.run(command, check=True, timeout=120)
    for entry in INDEX:
        if entry["kind"] not in SEALED_KINDS:
            made = (tmp_path / "files" / entry["file"]).read_bytes()
            assert made == (FILES / entry["file"]).read_bytes(), entry["file"]
    assert json.loads((tmp_path / "vectors.json").read_text()) == INDEX
