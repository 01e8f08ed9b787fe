"""An approver signs what they have read in words, and nothing else."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from overt.cli.asked import words
from overt.cli.founding import read_programme
from overt.cli.members import open_key
from overt.protocol.consent import document_digest
from overt.protocol.grants import AccessRequest, sign_request, verify_approval
from overt.protocol.ids import new_id

if TYPE_CHECKING:
    from pathlib import Path

NEVER = (
    "Never     It can never be granted:"
    " The request would run outside the programme's regions."
)
NAMES = ("part_" + "a" * 26, "part_" + "b" * 26)


@pytest.fixture
def asked(town: Any) -> AccessRequest:
    _, _, programme = read_programme(town.programme)
    return AccessRequest(
        new_id("req"), programme.programme, "rene", "train-agents", "An agent.", (),
        ("input", "screen"), "masked", "EU", int(time.time()) + 86400, "job",
    )  # fmt: skip


def signed(town: Any, request: AccessRequest, file: Path, by: str = "rene") -> str:
    """Write a signed request; return its digest."""
    key = open_key(town.key(by), town.words.read_text().strip())
    document = sign_request(request, key)
    file.write_text(json.dumps(document))
    return document_digest(document)


def approve(town: Any, tmp_path: Path, *more: str) -> list[str | Path]:
    return [
        *("access", "approve", tmp_path / "request.json", *town.as_("omar")),
        *("-o", tmp_path / "decision.json", *more),
    ]


def decision(town: Any, tmp_path: Path) -> Any:
    _, _, programme = read_programme(town.programme)
    body = json.loads((tmp_path / "decision.json").read_text())
    return verify_approval(body, programme)


def test_the_request_is_told_in_words_before_it_is_signed(
    town: Any, tmp_path: Path, asked: AccessRequest
) -> None:
    digest = signed(town, asked, tmp_path / "request.json")
    shown = town.overt(*approve(town, tmp_path), text="y\n").stdout
    for line in (
        f"Request   {asked.request}",
        "Asked by  rene",
        "Purpose   Train agents (train-agents): Agents learn such tasks.",
        "Reason    An agent.",
        "People    all who agreed to this purpose",
        "Data      input, screen",
        "Level     masked, at most",
        "Region    EU",
        "In clear  no export",
        f"Digest    {digest}",
    ):
        assert f"{line}\n" in shown
    made = decision(town, tmp_path)
    assert (made.approver, made.decision) == ("omar", "approve")
    assert made.request_digest == digest


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"cohort": NAMES}, f"People    2 named pseudonyms: {', '.join(NAMES)}"),
        ({"export": "Ann\x1b[8m", "derived": ("ds_a",)},
         "In clear  ds_a, EXPORTED TO Ann<U+001B>[8m"),
        ({"expires_utc_s": 1_700_000_000},
         "Until     2023-11-14 22:13 UTC: it has expired"),
        ({"expires_utc_s": 1_900_086_400},
         "Until     2030-03-18 17:46 UTC, 1.0 days from now"),
        ({"expires_utc_s": 2**60}, f"Until     {2**60} s since 1970"),
        ({"reason": "x\nIn clear  no export"},
         "Reason    x<U+000A>In clear  no export"),
        ({"reason": "\u202etxet"}, "Reason    <U+202E>txet"),
        ({"purpose": "other"}, "Purpose   other, which the programme does not have"),
        ({"region": "US"}, NEVER),
    ],
)  # fmt: skip
def test_words_tell_all_and_forge_nothing(
    town: Any, asked: AccessRequest, change: dict[str, Any], line: str
) -> None:
    _, _, programme = read_programme(town.programme)
    changed = replace(asked, **change)
    told = words(changed, programme, "d" * 64, now_utc_s=1_900_000_000)
    assert line in told.splitlines()
    assert told.count("\nIn clear  ") == 1


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_no_is_the_answer_unless_yes_is_said(
    town: Any, tmp_path: Path, asked: AccessRequest, answer: str
) -> None:
    digest = signed(town, asked, tmp_path / "request.json")
    more = ["--digest", digest]
    town.overt(*approve(town, tmp_path, *more), text=answer, code=1)
    assert not (tmp_path / "decision.json").exists()


def test_yes_asks_nothing_and_json_needs_one_of_both(
    town: Any, tmp_path: Path, asked: AccessRequest
) -> None:
    digest = signed(town, asked, tmp_path / "request.json")
    assert "Digest" in town.overt(*approve(town, tmp_path, "--yes")).stdout
    told = town.json(*approve(town, tmp_path), code=2)
    assert told["remedy"] == "Add --yes or --digest."
    made = town.json(*approve(town, tmp_path, "--digest", digest.upper()))
    assert made["digest"] == digest
    assert made["file"] == str(tmp_path / "decision.json")


@pytest.mark.parametrize("digest", ["0" * 64, "", "nonsense"])
def test_another_digest_is_not_signed(
    town: Any, tmp_path: Path, asked: AccessRequest, digest: str
) -> None:
    signed(town, asked, tmp_path / "request.json")
    more = ["--yes", "--digest", digest]
    told = town.json(*approve(town, tmp_path, *more), code=7)
    assert "not the one that you gave" in told["error"]
    assert not (tmp_path / "decision.json").exists()


def test_a_refusal_has_a_reason(
    town: Any, tmp_path: Path, asked: AccessRequest
) -> None:
    signed(town, replace(asked, region="US"), tmp_path / "request.json")
    town.json(*approve(town, tmp_path, "--yes", "--refuse"), code=2)
    told = town.json(*approve(town, tmp_path, "--yes"), code=7)
    assert told["remedy"] == "Refuse it: --refuse."
    why = ["--yes", "--refuse", "--reason", "Outside the EU."]
    assert town.json(*approve(town, tmp_path, *why))["decision"] == "refuse"
    assert decision(town, tmp_path).reason == "Outside the EU."


@pytest.mark.parametrize(
    ("by", "change", "code"),
    [
        ("rolf", {}, 5),
        ("rene", {"requester": "rolf"}, 5),
        ("omar", {"requester": "omar"}, 7),
        ("rene", {"requester": "nobody"}, 7),
        ("rene", {"fields": ("input", 5)}, 8),
    ],
)
def test_what_its_requester_did_not_sign_is_not_signed(
    town: Any, tmp_path: Path, asked: AccessRequest, by: str, change: Any, code: int
) -> None:
    signed(town, replace(asked, **change), tmp_path / "request.json", by)
    town.json(*approve(town, tmp_path, "--yes"), code=code)
    assert not (tmp_path / "decision.json").exists()


def test_only_an_approver_signs_and_in_their_own_name(
    town: Any, tmp_path: Path, asked: AccessRequest
) -> None:
    signed(town, asked, tmp_path / "request.json")
    command = approve(town, tmp_path, "--yes")
    for name, key, code in (("stella", "stella", 7), ("rita", "omar", 5)):
        words = [*town.as_(name)]
        words[1] = str(town.key(key))
        town.json(*command[:3], *words, *command[-3:], code=code)
        assert not (tmp_path / "decision.json").exists()


@pytest.mark.loopback
def test_what_is_missing_is_named(town: Any, tmp_path: Path) -> None:
    command = approve(town, tmp_path, "--yes")
    assert "no file" in town.json(*command, code=2)["error"]
    (tmp_path / "request.json").write_text("{}")
    town.json(*command, code=8)
    alone = ["access", "approve", tmp_path / "request.json", *town.as_("omar"), "--yes"]
    assert "-o FILE" in town.json(*alone, code=2)["remedy"]
    town.json(*alone, "-o", tmp_path, code=2)
    away = ["access", "approve", new_id("req"), *town.as_("omar"), "--yes"]
    town.json(*away, "--server", "http://127.0.0.1:9", code=9)


def test_a_server_that_shows_another_request_is_caught(
    town: Any, tmp_path: Path, asked: AccessRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed(town, asked, tmp_path / "request.json")
    document = json.loads((tmp_path / "request.json").read_text())
    wanted = new_id("req")
    shown: Any = {"requests": [{"request": wanted, "document": document}]}
    monkeypatch.setattr("overt.cli.calling.Caller.send", lambda *_: shown)
    command = ["access", "approve", wanted, *town.as_("omar"), "--yes"]
    server = ["--server", "http://127.0.0.1:9"]
    told = town.json(*command, *server, code=7)
    assert told["error"] == f"The server shows {asked.request} in place of {wanted}."
    for foreign in ({"requests": 5}, {}, {"requests": [5]}):
        shown.clear()
        shown.update(foreign)
        town.json(*command, *server, code=8)
    shown["requests"] = []
    town.json(*command, *server, code=6)
