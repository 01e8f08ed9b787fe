"""The exposure audit's parts: modes, access lists, policies, agreement, changes."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from overt.protocol.errors import DataError, SealError
from overt.protocol.signing import sign_document
from overt.vault.exposure import decisions, files, findings, show
from overt.vault.exposure.bucket import ANYONE, allowed
from overt.vault.exposure.findings import (
    AGREED,
    Exposure,
    Pattern,
    Reach,
    Trial,
    changes,
    exposure_json,
    parse_exposure,
    unexpected,
    verify_agreed,
)

if TYPE_CHECKING:
    from pathlib import Path

OPEN = Reach("anyone here", "derived", "/srv/datasets", "mode 0o644")
MEANT = Reach("root", "derived", "/srv/datasets", "owner", expected=True)
TRIED = Trial("anyone here", "derived", "/srv/x", opened=True, why="it opened")
LEFT = Trial("ingest", "rows", "db", opened=None, why="not tried")
REPORT = Exposure(
    "2026-11-23T00:00:00Z",
    (OPEN, MEANT),
    (TRIED, LEFT),
    ("A thing.",),
    {"rob": 2},
    {"/srv": "unknown"},
)


def test_what_nobody_meant_is_unexpected_and_so_is_what_opened() -> None:
    assert unexpected(REPORT, ()) == [OPEN, TRIED]
    assert unexpected(REPORT, [Pattern("anyone*", "derived", "/srv/*")]) == []
    assert unexpected(REPORT, [Pattern("anyone*", "rows", "*")]) == [OPEN, TRIED]


def test_a_report_is_read_back_as_it_was_written() -> None:
    assert parse_exposure(exposure_json(REPORT)) == REPORT
    for broken in ({}, {**exposure_json(REPORT), "trials": [{"opened": "yes"}]}):
        with pytest.raises(DataError):
            parse_exposure(broken)


def test_changes_name_what_came_and_what_went() -> None:
    before = replace(REPORT, reaches=(MEANT,), trials=())
    came, went = changes(REPORT, before)
    assert came == sorted([str(OPEN), str(TRIED)])
    assert went == []
    assert changes(before, REPORT) == ([], came)


def test_people_read_a_table_and_a_graph() -> None:
    found = unexpected(REPORT, ())
    table = show.table(REPORT, found)
    assert "!  anyone here  derived" in table
    assert "Accesses of /srv: unknown" in table
    assert "Not tried: ingest, db: not tried" in table
    assert "Unknown: A thing." in table
    graph = show.graph(REPORT, found)
    assert graph.count("color=red") == 4  # edge and label of both
    assert '"root" -> ' in graph


def test_the_agreed_state_is_signed_by_a_steward_or_the_representative(
    world: Any,
) -> None:
    listed = [{"who": "*", "what": "rows", "where": "*"}]
    body = {"programme": world.programme_id, "agreed": listed}

    def read(who: str, given: Any = body) -> Any:
        signed = sign_document(AGREED, given, [world.keys[who]])
        return verify_agreed(signed, world.in_force())

    assert read("stella") == read("rita") == (Pattern("*", "rows", "*"),)
    for who in ("otto", "rob", "exa"):
        with pytest.raises(SealError):
            read(who)
    for other in ({**body, "programme": "prog_x"}, {**body, "agreed": [{"who": "*"}]}):
        with pytest.raises(DataError):
            read("stella", other)


def reached(path: Path) -> set[tuple[str, bool]]:
    found = files.look([files.Folder(path, "derived")])
    return {(one.who, one.expected) for one in found.reaches}


def test_a_file_is_reachable_only_where_every_folder_lets_through(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o711)
    folder = tmp_path / "shut"
    folder.mkdir(mode=0o700)
    (folder / "a").write_bytes(b"x")
    (folder / "a").chmod(0o644)
    above = [one for one in tmp_path.parents if "pytest" in str(one)]
    modes = {one: one.stat().st_mode for one in above}
    try:
        for one in above:
            one.chmod(0o711)
        assert ("anyone here", False) not in reached(folder)
        folder.chmod(0o711)
        assert ("anyone here", False) in reached(folder)
    finally:
        for one, mode in modes.items():
            one.chmod(mode)


def test_an_access_list_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    path.chmod(0o640)
    rights = [(0x01, 6, 2**32 - 1), (0x02, 4, 12345), (0x04, 0, 2**32 - 1)]
    rights += [(0x10, 4, 2**32 - 1), (0x20, 0, 2**32 - 1)]
    entries = b"".join(struct.pack("<HHI", *one) for one in rights)
    try:
        os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + entries)
    except OSError:
        pytest.skip("this file system keeps no access lists")
    assert ("account 12345", False) in reached(tmp_path)


def test_a_folder_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    found = files.look([files.Folder(tmp_path / "gone", "backups")])
    assert found.unknown == (f"{tmp_path / 'gone'} is not there.",)


EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:*"}
NAMED = {
    "Effect": "Allow",
    "Principal": {"AWS": ["arn:aws:iam::1:user/broker"]},
    "Action": ["s3:GetObject"],
}


@pytest.mark.parametrize(
    ("statements", "who"),
    [
        ([EVERYBODY], [ANYONE]),
        ([NAMED], ["arn:aws:iam::1:user/broker"]),
        ([{**EVERYBODY, "Action": "s3:PutObject"}], []),
        ([{**EVERYBODY, "Action": "S3:Get*"}], [ANYONE]),
        ([{**EVERYBODY, "Principal": {"AWS": "*"}}], [ANYONE]),
        ([{"Effect": "Allow", "NotPrincipal": {}, "Action": "s3:*"}], [ANYONE]),
        ([{"Effect": "Allow", "Principal": "*", "NotAction": "s3:Put*"}], [ANYONE]),
        ([EVERYBODY, {**EVERYBODY, "Effect": "Deny"}], []),
        ([EVERYBODY, {**EVERYBODY, "Effect": "Deny", "Condition": {}}], [ANYONE]),
    ],
)
def test_policies_are_read_strictly(statements: list[Any], who: list[str]) -> None:
    policy = {"Statement": statements}
    assert [one for one, _ in allowed(policy, "s3:GetObject")] == who


def test_the_policy_itself_is_asked_for_every_role() -> None:
    found = decisions.ask_policy()
    assert [one.who for one in found.reaches] == ["role researcher"]
    assert len(found.trials) > 100
    assert not [one for one in found.trials if one.opened]
    assert decisions.table()["exposure"] == ["halt"]
    assert decisions.table()["operator"] == ["see_state"]


def test_a_policy_that_forgets_a_condition_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decisions, "may_read", lambda *_: True)
    found = unexpected(decisions.ask_policy(), ())
    assert any(isinstance(one, Trial) for one in found)
    assert (
        Reach(
            "role operator",
            "segments",
            "policy",
            "under a grant that two people approved",
        )
        in found
    )


def test_grants_and_invitations_that_are_alive_are_told(world: Any) -> None:
    world.participant(b"one")
    world.invite()
    request = world.granted()
    found = decisions.alive(world.database, world.in_force(), world.now_s)
    assert ("rob", f"grant {request}") in {
        (one.who, one.where) for one in found.reaches
    }
    assert "1 open" in {one.how for one in found.reaches}
    later = decisions.alive(world.database, world.in_force(), world.now_s + 10**6)
    assert later.reaches == ()


def test_findings_are_sorted_into_one_report() -> None:
    part = findings.place(reaches=[OPEN], unknown=["x"], access_logs={"a": "unknown"})
    whole = findings.merged([part, part], "2026-11-23T00:00:00Z")
    assert (whole.reaches, whole.access_logs) == ((OPEN,), {"a": "unknown"})
