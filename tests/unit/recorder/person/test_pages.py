"""The participant's local pages: the door, the forms, the facts."""

import asyncio
import io
import json
import re
import time
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from overt.protocol.ids import new_id
from overt.protocol.records import (
    EVENT_DTYPE,
    ContextRecord,
    EventKind,
    FrameCause,
    FrameRecord,
    InputRecord,
    MarkRecord,
    TileRecord,
)
from overt.protocol.segment import SegmentHeader, encode_record
from overt.recorder.person import pagefacts
from overt.recorder.person.consenting import standing
from overt.recorder.person.pages import create_pages
from overt.recorder.person.playback import open_own, screens
from overt.recorder.person.run import Participant
from overt.recorder.spool import SpoolState
from overt.web.sessions import Sessions

pytestmark = pytest.mark.loopback
_HERE = {"sec-fetch-site": "same-origin"}
_BASE = "http://127.0.0.1"
_EXACT = True


class Browser:
    """Calls an app in this process, one request a loop, and keeps its cookies."""

    def __init__(self, app: Any, code: str, base: str = _BASE) -> None:
        self.code, self.cookies, self._base = code, httpx.Cookies(), base
        self._transport = httpx.ASGITransport(app)

    def get(self, path: str, **values: Any) -> httpx.Response:
        return asyncio.run(self._send("GET", path, **values))

    def post(self, path: str, **values: Any) -> httpx.Response:
        return asyncio.run(self._send("POST", path, **values))

    async def _send(self, method: str, path: str, **values: Any) -> httpx.Response:
        async with httpx.AsyncClient(
            transport=self._transport, base_url=self._base, cookies=self.cookies
        ) as client:
            answer = await client.request(method, path, **values)
            self.cookies = client.cookies
            return answer


@pytest.fixture
def browser(consenting: SimpleNamespace) -> Any:
    sessions = Sessions()
    who = Participant(
        consenting.home, consenting.enrolment, consenting.identity, consenting.client
    )
    app = create_pages(who, sessions, clock=lambda: 1000)
    return Browser(app, sessions.code("participant", 1000))


def _enter(browser: Any) -> str:
    entered = browser.post("/enter", data={"code": browser.code}, headers=_HERE)
    assert entered.status_code == 303
    page = browser.get("/recordings").text
    found = re.search(r'name="csrf" value="(\w+)"', page)
    assert found
    return found.group(1)


def test_nothing_is_shown_without_a_session(browser: Any) -> None:
    for path in ("/", "/recordings", "/pictures/seg_x/0.png"):
        answer = browser.get(path)
        assert answer.status_code == 401
        assert "overt my" in answer.text


def test_the_code_lets_in_once_and_stands_in_no_address(browser: Any) -> None:
    _enter(browser)
    assert browser.cookies.get("overt_session_person_http")
    browser.cookies.clear()
    again = browser.post("/enter", data={"code": browser.code}, headers=_HERE)
    assert again.status_code == 401
    assert browser.code not in again.text


def test_pages_are_not_stored_and_answer_to_this_host_alone(browser: Any) -> None:
    _enter(browser)
    answer = browser.get("/")
    assert answer.headers["cache-control"] == "no-store"
    assert browser.get("/", headers={"host": "evil.example"}).status_code == 421


def test_a_form_from_elsewhere_changes_nothing(
    browser: Any, consenting: SimpleNamespace
) -> None:
    csrf = _enter(browser)
    foreign = browser.post(
        "/withdraw", data={"csrf": csrf}, headers={"sec-fetch-site": "cross-site"}
    )
    forged = browser.post("/withdraw", data={"csrf": "0" * 64}, headers=_HERE)
    assert {foreign.status_code, forged.status_code} == {400}
    device = consenting.identity.device.public_key()
    assert not standing(consenting.home, device).withdrawn


def test_withdrawing_takes_one_form(browser: Any, consenting: SimpleNamespace) -> None:
    csrf = _enter(browser)
    answer = browser.post("/withdraw", data={"csrf": csrf}, headers=_HERE)
    assert answer.status_code == 303
    device = consenting.identity.device.public_key()
    assert standing(consenting.home, device).confirmed
    assert "You have withdrawn" in browser.get("/recordings").text


def test_readers_are_shown_once_proved_and_unknown_is_said(
    browser: Any, vault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _enter(browser)
    reads: list[Any] = []
    proved = SimpleNamespace(reads=reads, recoveries=[])
    monkeypatch.setattr(pagefacts, "look", lambda *_: proved)
    assert "Nobody has read your recordings" in browser.get("/recordings").text
    reads.append(
        {
            "log_index": 4, "witnessed": False, "day": "2026-11-23",
            "purpose": "train-agents", "requester": "Rae", "request": "req_x",
            "segment": "seg_abc",
        }
    )  # fmt: skip
    page = browser.get("/recordings").text
    assert "Rae" in page
    assert "not cosigned yet" in page
    monkeypatch.undo()
    vault.reads = reads  # what the vault says without a proof
    for vault.away in (False, True):
        page = browser.get("/recordings").text
        assert "Unknown" in page
        assert "Rae" not in page
        assert "Nobody has read" not in page


def test_two_peoples_pages_on_one_machine_do_not_log_each_other_out(
    consenting: SimpleNamespace,
) -> None:
    who = Participant(
        consenting.home, consenting.enrolment, consenting.identity, consenting.client
    )
    cookies = httpx.Cookies()  # a browser has one jar for all ports of a host
    seen = {}
    for port in (4001, 4002):
        sessions = Sessions()
        app = create_pages(who, sessions, clock=lambda: 1000)
        one = Browser(app, sessions.code("participant", 1000), f"{_BASE}:{port}")
        one.cookies = cookies
        entered = one.post("/enter", data={"code": one.code}, headers=_HERE)
        assert entered.status_code == 303
        cookies = one.cookies
        seen[port] = one
    for one in seen.values():
        one.cookies = cookies
        assert one.get("/recordings").status_code == 200


# A minute of one's own ----------------------------------------------------------


@pytest.fixture
def minute(consenting: SimpleNamespace) -> str:
    """A waiting minute: a page with a word on it, a click, a word, a secret."""
    picture = np.full((64, 128, 3), 250, np.uint8)
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((8, 20), "canary", (0, 0, 0), ImageFont.load_default(20))
    pixels = np.asarray(image)
    tiles = np.stack([0 * pixels[:, :64], pixels[:, :64], pixels[:, 64:]])
    header = SegmentHeader(
        new_id("seg"), new_id("sess"), 0, consenting.enrolment.person,
        consenting.enrolment.device, consenting.programme.programme,
        consenting.consent.record, "clear", 128, 64, time.time_ns() - 90 * 10**9, 0,
    )  # fmt: skip
    rows = [
        (10, EventKind.BUTTON_PRESS, 9, 0, 30, 40, 1),
        *(
            (20 + n, EventKind.KEY_PRESS, 9, 0, 30, 40, code)
            for n, code in enumerate([*b"zebro", 0xFF08, *b"a"])
        ),
        (40, EventKind.KEY_PRESS, 9, 4, 30, 40, ord("s")),
    ]
    black = np.array([[0, 0], [1, 0]], np.uint32)
    both = np.array([[0, 1], [1, 2]], np.uint32)
    window = {"class": "Allowed", "title": "zebra page", "url": ""}
    records: list[Any] = [
        TileRecord(0, tiles),
        FrameRecord(4, FrameCause.KEYFRAME, _EXACT, 128, 64, black),
        FrameRecord(5, FrameCause.DAMAGE, _EXACT, 128, 64, both),
        ContextRecord(6, "window", window),
        InputRecord(np.array(rows, EVENT_DTYPE)),
        MarkRecord(60, "secret"),
    ]  # fmt: skip
    writer = consenting.home.spool.begin(header, consenting.identity.own.public)
    for record in records:
        writer.append(encode_record(record))
    writer.close()
    consenting.home.spool.set_state(header.segment, SpoolState.WAITING)
    return header.segment


def test_a_minute_is_played_with_what_was_done(browser: Any, minute: str) -> None:
    _enter(browser)
    page = browser.get(f"/play/{minute}").text
    found = re.search(
        r'<script type="application/json" id="minute">(.*?)</script>', page
    )
    assert found
    episode = json.loads(found.group(1))
    assert [one["label"].split(": ", 1)[1] for one in episode["frames"]] == [
        "Screen", "Screen", "Click at 30, 40", "Type “zebra”", "Press ctrl+s",
        "Type a secret (not recorded)",
    ]  # fmt: skip
    assert episode["start"] == 1  # the first screen is black
    picture = browser.get(episode["frames"][2]["src"])
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.size == (128, 64)
    assert picture.headers["cache-control"] == "no-store"
    assert browser.get(f"/frames/{minute}/7.png").status_code == 400
    assert "· my overt" in page
    assert "<li>zebra</li><li>(secret)</li>" in page


def test_masking_more_leaves_no_word_and_no_old_key(
    browser: Any, minute: str, consenting: SimpleNamespace
) -> None:
    csrf = _enter(browser)
    before = consenting.home.spool.read(minute, consenting.identity.own)
    data = {"csrf": csrf, "do": "mask", "name": minute}
    assert browser.post("/review", data=data, headers=_HERE).status_code == 303
    opened = open_own(consenting.home.spool, minute, consenting.identity.own)
    assert opened.complete
    assert opened.header.level == "masked"
    assert opened.header.segment == minute
    (context,) = [one for one in opened.records if isinstance(one, ContextRecord)]
    assert context.body["title"] == ""
    keys = [
        one.events["detail"] for one in opened.records if isinstance(one, InputRecord)
    ]
    assert set(np.concatenate(keys).tolist()) == {1, 0x0100FFFD, 0xFF08, ord("s")}
    *_, screen = screens(opened)
    assert not (screen.pixels < 60).all(axis=2).any()  # no black letter is left
    assert before != consenting.home.spool.read(minute, consenting.identity.own)
    assert consenting.home.spool.entry(minute).state is SpoolState.WAITING
    assert "•••••" in browser.get(f"/play/{minute}").text


@pytest.mark.usefixtures("minute")
def test_the_timeline_shows_what_is_not_black_and_local_time(
    browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    _enter(browser)
    page = browser.get("/").text
    (src,) = re.findall(r'src="(/pictures/[^"]*/0.png)"', page)
    with Image.open(io.BytesIO(browser.get(src).content)) as image:
        assert image.getextrema() != ((0, 0),) * 3
    assert re.search(r"Session of \d{4}-\d\d-\d\d \d\d:\d\d JST<", page)
    monkeypatch.undo()
    time.tzset()


def test_the_timeline_says_when_a_minute_goes_and_cuts_it(
    browser: Any, minute: str, consenting: SimpleNamespace
) -> None:
    csrf = _enter(browser)
    page = browser.get("/").text
    assert "destroyed unsent on" in page
    assert f'href="/play/{minute}"' in page
    data = {"csrf": csrf, "do": "discard", "name": minute}
    assert browser.post("/review", data=data, headers=_HERE).status_code == 303
    assert consenting.home.spool.entries() == []
    assert browser.get(f"/frames/{minute}/0.png").status_code == 400
    assert browser.get(f"/pictures/{minute}/0.png").status_code == 400


def test_forgetting_shows_first_what_goes_and_destroys_just_that(
    browser: Any,
    minute: str,
    consenting: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    csrf = _enter(browser)
    browser.get(f"/frames/{minute}/0.png")  # opened, and in memory
    asked = {"csrf": csrf, "minutes": "10"}
    shown = browser.post("/forget", data=asked, headers=_HERE).text
    assert "1 minute goes for good" in shown
    assert len(consenting.home.spool.entries()) == 1
    (since,) = re.findall(r'name="since" value="(\d+)"', shown)
    later_ns = time.time_ns() + 3600 * 10**9  # who was shown it had a cup of tea
    monkeypatch.setattr(time, "time_ns", lambda: later_ns)
    data = {"csrf": csrf, "since": since}
    assert browser.post("/forgotten", data=data, headers=_HERE).status_code == 303
    assert consenting.home.spool.entries() == []
    assert browser.get(f"/frames/{minute}/0.png").status_code == 400


def test_a_wrong_address_or_form_says_what_to_do(browser: Any) -> None:
    csrf = _enter(browser)
    lost = browser.get("/nothing")
    assert (lost.status_code, "There is no such page." in lost.text) == (404, True)
    wrong = browser.post("/recordings", headers=_HERE)
    assert (wrong.status_code, "use its form" in wrong.text) == (405, True)
    for since in ("", "yesterday", "9" * 30):
        data = {"csrf": csrf, "since": since}
        answer = browser.post("/forgotten", data=data, headers=_HERE)
        assert (answer.status_code, "lacks a field" in answer.text) == (400, True)
