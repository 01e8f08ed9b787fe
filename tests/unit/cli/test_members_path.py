"""From keys to a release and a halt, each step its command, over the real servers."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from overt.cli.jobs import open_job
from overt.protocol.ids import new_id
from overt.protocol.records import EVENT_DTYPE, InputRecord
from overt.protocol.release import open_release
from overt.protocol.segment import SegmentHeader, encode_record, read_segment
from overt.recorder.person.enrol import load_enrolment
from overt.recorder.person.home import Home
from overt.recorder.person.identity import public_halves
from overt.recorder.spool import SpoolState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.loopback


@pytest.fixture(scope="module")
def own(new_town: Any) -> Any:
    return new_town()


@pytest.fixture(scope="module")
def served(own: Any) -> Iterator[Any]:
    with own.serving() as running:
        yield running


def invite(own: Any, served: Any) -> Path:
    file: Path = own.folder / "invitation.json"
    keys = [
        word
        for name in ("stella", "rita")
        for word in ("--programme-key", own.programme / f"keys/programme-{name}.key")
    ]
    options = ["--as", own.key("stella"), "--folder", own.programme, "-o", file]
    made = own.json("programme", "invite", *options, *keys, **served.env)
    assert json.loads(file.read_text())["person"] == made["person"]
    assert file.stat().st_mode & 0o777 == 0o600
    return file


def record_by_hand(own: Any, consent: str) -> str:
    """Put a segment into the participant's spool, as a recorder would."""
    home = Home(own.folder / "participant")
    mine = load_enrolment(home)
    header = SegmentHeader(
        new_id("seg"), new_id("sess"), 0, mine.person, mine.device,
        mine.anchor.programme, consent, "clear", 64, 64, time.time_ns(), 0,
    )  # fmt: skip
    writer = home.spool.begin(header, public_halves(home).own)
    writer.append(encode_record(InputRecord(np.zeros(3, EVENT_DTYPE))))
    writer.close()
    home.spool.set_state(header.segment, SpoolState.WAITING)
    return header.segment


def test_a_programme_is_shown_from_its_signatures(own: Any) -> None:
    shown = own.json("programme", "show", "--folder", own.programme)
    assert shown["dpia_covers_this"] is True
    text = own.overt("programme", "show", "--folder", own.programme).stdout
    assert "purpose train-agents: Train agents" in text
    assert "everything else: not recorded" in text
    assert "rita: representative, approver" in text


def test_the_whole_way(own: Any, served: Any) -> None:
    env, job = served.env, own.folder / "job"
    own.json("enrol", invite(own, served))
    agreed = ["--purpose", "train-agents", "--data-type", "input", "--yes"]
    segment = record_by_hand(own, own.json("consent", "give", *agreed)["record"])
    own.json("review", "--approve-all")
    sent = own.json("send")["sent"]
    assert [one["segment"] for one in sent] == [segment]

    asked = own.json(*own.ask("rene", job, field="input"), **env)
    release = ["release", "--as", own.key("rene"), "--job", job]
    assert "two people" in own.json(*release, code=7, **env)["error"]
    assert not (job / "release.ovrl").exists()
    for who, state in (("omar", "open"), ("rita", "granted")):
        made = own.json(
            "access", "approve", asked["request"], *own.as_(who), "--yes", **env
        )
        assert (made["state"], made["digest"]) == (state, asked["digest"])
        assert made["decision"] == "approve"
    assert own.json(*release, **env)["segments"] == 1
    key = open_job(job, own.words.read_text().strip())
    data = (job / "release.ovrl").read_bytes()
    (opened,) = open_release(data, key)
    assert read_segment(opened).complete
    assert segment.encode() not in data
    halted(own, env, release, kept=job / "release.ovrl")
    assert not list(job.glob("*.part"))


def halted(own: Any, env: dict[str, str], release: list[Any], kept: Path) -> None:
    """Halt: reading is refused; two people lift it."""
    why = ["--folder", own.programme, "--why", "An exposure."]
    stella, rita = (("--as", own.key(name)) for name in ("stella", "rita"))
    assert "halted" in own.overt("programme", "halt", *why, *stella, **env).stdout
    before = kept.read_bytes()
    refused = own.json(*release, code=7, **env)["error"]
    assert "The programme is halted: An exposure." in refused
    assert kept.read_bytes() == before
    own.json("consent", "show")
    assert (
        "two people"
        in own.json("programme", "resume", *why, *stella, code=7, **env)["error"]
    )
    own.json("programme", "resume", *why, *stella, *stella, code=7, **env)
    time.sleep(1.1)  # orders count by the second; within one the halt holds
    own.json("programme", "resume", *why, "--as", own.key("rene"), code=5, **env)
    lifted = own.json("programme", "resume", *why, *stella, *rita, **env)
    assert lifted == {"state": "running"}
    assert own.json(*release, **env)["segments"] == 1


def test_each_sees_the_requests_that_are_theirs_to_see(own: Any, served: Any) -> None:
    asked = own.json(*own.ask("rolf", own.folder / "job-2"), **served.env)["request"]

    def seen(who: str) -> set[str]:
        options = ["--as", own.key(who)]
        listed = own.json("access", "list", *options, **served.env)
        return {one["request"] for one in listed}

    assert seen("rolf") == {asked}
    assert asked not in seen("rene")
    assert asked in seen("rita") & seen("stella") & seen("ada")
    text = own.overt("access", "list", "--as", own.key("rolf"), **served.env).stdout
    assert text == f"{asked}  open  rolf for train-agents  decisions: 0\n"


def test_a_decision_signed_apart_is_handed_in_on_the_page(
    own: Any, served: Any, tmp_path: Path
) -> None:
    job = own.folder / "job-3"
    asked = own.json(*own.ask("rene", job), **served.env)
    file = tmp_path / "decision.json"
    own.json(
        "access", "approve", job / "request.json", *own.as_("omar"), "--yes",
        "-o", file,
    )  # fmt: skip
    with httpx.Client(base_url=served.urls["vault"], trust_env=False) as browser:
        enter(browser, own.json("console", "open", *own.as_("omar"), **served.env))
        page = f"/console/requests/{asked['request']}"
        token = browser.get(page).text.split('name="csrf" value="')[1].split('"')[0]
        browser.post(
            f"{page}/approvals",
            data={"csrf": token, "document": file.read_text()},
            headers={"Origin": served.urls["vault"]},
        )
        assert "You have decided." in browser.get(page).text


def enter(browser: httpx.Client, opened: dict[str, str]) -> None:
    """Do what the page's script does with the part behind the #."""
    page, _, code = opened["url"].partition("#")
    origin = str(browser.base_url).rstrip("/")
    answer = browser.post(page, data={"code": code}, headers={"Origin": origin})
    assert answer.status_code == 303


def test_the_pages_open_by_one_address_once(own: Any, served: Any) -> None:
    text = own.overt("console", "open", *own.as_("ada"), **served.env).stdout.strip()
    assert text.startswith(f"{served.urls['console']}/enter#")
    assert "\n" not in text
    with httpx.Client(base_url=served.urls["vault"], trust_env=False) as browser:
        enter(browser, {"url": text})
        assert browser.get("/console/").status_code == 200
        with pytest.raises(AssertionError):
            enter(browser, {"url": text})
    foreign = [*own.as_("ada")[2:], "--as", own.key("rene")]
    own.json("console", "open", *foreign, code=5, **served.env)


def test_the_log_is_verified_and_an_altered_tile_found(
    own: Any, served: Any, tmp_path: Path
) -> None:
    own.json(*own.ask("rene", own.folder / "job-4"), **served.env)
    copy = tmp_path / "log"
    shutil.copytree(own.data / "vault" / "log", copy)
    verify = ["log", "verify", copy, "--folder", own.programme]
    kept = tmp_path / "kept"
    kept.write_bytes((copy / "checkpoint").read_bytes())
    report = own.json(*verify, "--seen", kept)
    assert report["ok"] is True
    assert report["size"] > 0
    kept.write_bytes(kept.read_bytes().replace(b"overt/", b"other/"))
    assert str(kept) in own.json(*verify, "--seen", kept, code=5)["error"]
    newest = copy / f"tile/entries/000.p/{report['size']}"
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    own.overt(*verify, code=5)
    (copy / "checkpoint").write_bytes(b"overt/other\n")
    own.json(*verify, code=5)
    (copy / "checkpoint").unlink()
    own.json(*verify, code=6)


def test_who_is_not_on_the_roster_is_refused(own: Any, served: Any) -> None:
    own.json("key", "new", "eve", "-o", own.key("eve"))
    told = own.json("access", "list", "--as", own.key("eve"), code=7, **served.env)
    assert told["error"].startswith(f"The server {served.urls['vault']} refuses:")
    rene = ["--as", own.key("rene"), "--folder", own.programme, "--why", "x"]
    own.json("programme", "halt", *rene, code=5, **served.env)


def test_a_request_that_the_vault_refuses_leaves_no_job(own: Any, served: Any) -> None:
    job = own.folder / "job-5"
    away = {"OVERT_SERVER": "http://127.0.0.1:9"}
    own.json(*own.ask("rene", job), code=9, **away)
    assert not job.exists()
    own.json(*own.ask("omar", job), code=7, **served.env)
    assert not job.exists()
    own.json(*own.ask("rene", job, purpose="discipline"), code=7, **served.env)
    own.json(*own.ask("rene", job), **served.env)
    own.json(*own.ask("rene", job), code=2, **served.env)
    for url in ("http://example.org", "gopher://x", "nonsense"):
        own.json("access", "list", "--as", own.key("rene"), "--server", url, code=2)
