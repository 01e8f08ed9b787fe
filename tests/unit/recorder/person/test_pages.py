"""The participant's local pages: the door, the forms, the facts."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from overt.recorder.person.consenting import standing
from overt.recorder.person.pages import create_pages
from overt.recorder.person.run import Participant
from overt.web.sessions import Sessions

pytestmark = pytest.mark.loopback
_HERE = {"sec-fetch-site": "same-origin"}
_BASE = "http://127.0.0.1"


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


def test_readers_are_shown_and_unknown_is_said(browser: Any, vault: Any) -> None:
    _enter(browser)
    assert "Nobody has read your recordings" in browser.get("/recordings").text
    vault.reads = [
        {
            "log_index": 4, "day": "2026-11-23", "purpose": "train-agents",
            "requester": "Rae", "request": "req_x", "segment": "seg_abc",
        }
    ]  # fmt: skip
    assert "Rae" in browser.get("/recordings").text
    vault.away = True
    page = browser.get("/recordings").text
    assert "Unknown" in page
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
