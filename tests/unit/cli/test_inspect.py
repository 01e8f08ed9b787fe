"""`overt inspect` names every vector, opens nothing, and refuses what is malformed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from overt.cli.__main__ import main

VECTORS = Path(__file__).parents[2] / "vectors"
FILES = VECTORS / "files"
INDEX: list[dict[str, Any]] = json.loads((VECTORS / "vectors.json").read_text())
NOT_FILES = {"description", "actions", "tile", "entries", "consistency"}  # parts
WHAT = {
    "segment": "segment, not sealed",
    "sealed": "sealed segment",
    "blob": "sealed file",
    "release": "release",
    "spool": "spool file, sealed",
    "programme": "signed document programme.v1",
    "invitation": "invitation",
    "consent": "signed document consent.v1",
    "withdrawal": "signed document withdrawal.v1",
    "receipt": "signed document receipt.v1",
    "lease": "signed document lease.v1",
    "request": "signed document access-request.v1",
    "approval": "signed document approval.v1",
    "halt": "signed document halt.v1",
    "derived": "signed document derived.v1",
    "decision": "signed document derived-decision.v1",
    "export": "signed document export.v1",
    "own-read": "signed document own-read.v1",
    "own-recovery": "signed document own-recovery.v1",
    "own-objection": "signed document own-objection.v1",
    "exposure-agreed": "signed document exposure-agreed.v1",
    "checkpoint": "checkpoint of a log",
    "cosigned": "checkpoint of a log",
    "key": "key file, sealed by a passphrase",
}
valid = [one for one in INDEX if one["valid"] and one["kind"] not in NOT_FILES]
torn = [one for one in INDEX if one.get("says") in {"truncated", "does not begin like"}]


def run(path: Path, *options: str) -> Any:
    return CliRunner().invoke(main, ["inspect", str(path), *options])


@pytest.mark.parametrize("entry", valid, ids=lambda one: one["file"])
def test_every_valid_vector_is_named(entry: dict[str, Any]) -> None:
    result = run(FILES / entry["file"], "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["what"] == WHAT[entry["kind"]]
    plain = run(FILES / entry["file"])
    assert plain.output.startswith(f"what: {WHAT[entry['kind']]}\n")


@pytest.mark.parametrize("entry", torn, ids=lambda one: one["file"])
def test_torn_files_end_with_exit_code_8(entry: dict[str, Any]) -> None:
    result = run(FILES / entry["file"], "--json")
    assert result.exit_code == 8
    told = json.loads(result.stderr)
    assert entry["file"] in told["error"]


@pytest.mark.parametrize(
    "name",
    ["segment-count.bin", "segment-flipped.bin", "sealed-header.bin",
     "consent-number.json", "release-short.bin", "programme-field.json",
     "receipt-kind.json",
     "checkpoint-size.txt", "consent-spelling.json"],
)  # fmt: skip
def test_malformed_files_end_with_exit_code_8_and_the_reason(name: str) -> None:
    says = next(one["says"] for one in INDEX if one["file"] == name)
    result = run(FILES / name)
    assert result.exit_code == 8
    assert says in result.stderr
    assert name in result.stderr


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"\x00" * 40, b"{", b"{}", b"[]", b"\xff\xfe", b'{"overt":"x.v1"}',
     b'{"payloadType":"application/vnd.overt.secret.v1","payload":"","signatures":[]}',
     b'{"payloadType":"text/plain","payload":"","signatures":[]}',
     b'{"payloadType":1}', b'{"overt":"key.v1"}', b'{"overt":"invitation.v1"}',
     b'{"t_ns": 1}\nx'],
    ids=lambda data: repr(data[:24]),
)  # fmt: skip
def test_what_is_none_of_overts_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    path.write_bytes(data)
    result = run(path)
    assert result.exit_code == 8, result.output
    assert str(path) in result.stderr


def test_a_missing_file_and_a_folder_are_usage_errors(tmp_path: Path) -> None:
    assert run(tmp_path / "none").exit_code == 2
    assert run(tmp_path).exit_code == 2


def test_no_content_and_no_code_is_shown() -> None:
    for name in ("segment.bin", "sealed.bin", "spool.bin"):
        text = run(FILES / name).output
        assert "A page" not in text
        assert "Click on OK" not in text
    assert "a" * 26 + "'" not in run(FILES / "invitation.json").output
    code = json.loads((FILES / "invitation.json").read_text())["code"]
    told = json.loads(run(FILES / "invitation.json", "--json").output)
    assert told["code"] != code


def test_other_files_of_overt_are_named(tmp_path: Path) -> None:
    from overt.recorder.spool import Spool, SpoolState

    Spool(tmp_path).set_state("seg_" + "a" * 26, SpoolState.WAITING)
    for data, what in (
        (b'{"t_ns": 1, "type": "motion"}\n' * 2, "exported input events, not sealed"),
        (b'{"format":"overt-keyring-1"}', "keyring of a vault, sealed"),
        (b'{"keys":[],"programme":"p","threshold":2}', "pinned programme keys"),
        (b'{"overt":"enrolled.v1","person":"p"}', "enrolment of this device"),
        (b"SQLite format 3\0", "database of a vault (SQLite)"),
        (next(tmp_path.glob("*.state.json")).read_bytes(),
         "state of a segment in the spool"),
    ):  # fmt: skip
        path = tmp_path / "thing"
        path.write_bytes(data)
        assert json.loads(run(path, "--json").output)["what"] == what
