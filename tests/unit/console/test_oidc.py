"""Logging in at a real OpenID provider: the signed roster has the last word."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from overt.console.app import PREFIX, create_console
from overt.console.oidc import OpenId, Provider, member_of
from overt.protocol.errors import GovernError
from tests.fakes.provider import provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import World

GROUPS = {
    "deciders": ("approver",),
    "council": ("representative",),
    "all": ("steward",),
}
ACCOUNTS = {
    "ruth": {"preferred_username": "Ruth Calder", "groups": ["deciders", "other"]},
    "mia": {"preferred_username": "Mia Gruber", "groups": ["deciders"]},
    "eve": {"preferred_username": "Eve", "groups": ["deciders", "council", "all"]},
}


class Place:
    """A console with its provider, both on loopback.

    Attributes:
        url: The console's address.
        openid: Its logins.
    """

    def __init__(self, url: str, openid: OpenId) -> None:
        self.url, self.openid = url, openid

    def browser(self) -> httpx.Client:
        return httpx.Client(trust_env=False, timeout=60)

    def begin(self, browser: httpx.Client) -> str:
        """Press the button; return where it leads."""
        assert "Log in" in browser.get(f"{self.url}/enter").text
        answer = browser.get(f"{self.url}/oidc/start")
        assert answer.status_code == 303
        return answer.headers["location"]

    def come_back(self, browser: httpx.Client, url: str, who: str) -> str:
        """Do what the provider's pages ask; return the address of the way back."""
        for _ in range(12):
            if url.startswith(self.url):
                return url
            page = browser.get(url)
            if page.status_code in {302, 303}:
                url = str(page.url.join(page.headers["location"]))
                continue
            form = re.search(r'action="([^"]+)"', page.text)
            assert form, page.text
            hidden = r'type="hidden" name="([^"]+)" value="([^"]*)"'
            data = dict(re.findall(hidden, page.text))
            if 'name="login"' in page.text:
                data |= {"login": who, "password": "any"}
            sent = browser.post(page.url.join(form.group(1)), data=data)
            url = str(sent.url.join(sent.headers["location"]))
        raise AssertionError(f"no way back from {url}")

    def log_in(self, browser: httpx.Client, who: str) -> httpx.Response:
        return browser.get(self.come_back(browser, self.begin(browser), who))


@pytest.fixture(scope="module")
def bound() -> Iterator[socket.socket]:
    import pytest_socket

    pytest_socket.enable_socket()
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made


@pytest.fixture(scope="module")
def issuer(bound: socket.socket) -> Iterator[str]:
    back = f"http://127.0.0.1:{bound.getsockname()[1]}{PREFIX}/oidc/back"
    with provider(ACCOUNTS, back) as address:
        yield address


@pytest.fixture
def place(world: World, bound: socket.socket, issuer: str) -> Iterator[Place]:
    url = f"http://127.0.0.1:{bound.getsockname()[1]}{PREFIX}"
    settings = Provider(
        issuer, "overt", "known to this test alone", f"{url}/oidc/back", GROUPS
    )
    openid = OpenId(settings)
    inner = create_console(
        world.vault, clock=lambda: world.clock[0], local_only=False, openid=openid
    )
    with served(inner, bound):
        yield Place(url, openid)


@contextmanager
def served(inner: FastAPI, bound: socket.socket) -> Iterator[None]:
    outer = FastAPI()
    outer.mount(PREFIX, inner)
    config = uvicorn.Config(outer, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    copy = bound.dup()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [copy]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.loopback
def test_who_is_on_the_roster_gets_the_roles_that_both_sides_name(
    place: Place,
) -> None:
    with place.browser() as browser:
        page = place.log_in(browser, "ruth")
        assert "You are in" in page.text
        home = browser.get(f"{place.url}/").text
        assert "Ruth Calder (approver)" in home  # representative too, but in no group
        assert browser.get(f"{place.url}/requests").status_code == 200
        assert browser.get(f"{place.url}/halt").status_code == 403
        again = browser.get(str(page.url))  # the code is used up
        assert again.status_code == 403


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("who", "said"),
    [("eve", "signed roster"), ("mia", "None of your groups")],
)
def test_the_provider_alone_makes_nobody(place: Place, who: str, said: str) -> None:
    """Its administrator may name accounts and groups; the roster does not know them."""
    with place.browser() as browser:
        page = place.log_in(browser, who)
        assert page.status_code == 403
        assert said in page.text
        assert browser.get(f"{place.url}/").status_code == 401


@pytest.mark.loopback
def test_an_answer_counts_in_the_browser_that_asked(place: Place) -> None:
    with place.browser() as mine, place.browser() as other:
        back = place.come_back(mine, place.begin(mine), "ruth")
        assert other.get(back).status_code == 403
        assert "another browser" in mine.get(back).text  # it is used up by that
        assert mine.get(f"{place.url}/").status_code == 401
        back = place.come_back(mine, place.begin(mine), "ruth")
        for odd in ("&state=x", "&iss=http://127.0.0.1:1"):
            assert mine.get(back + odd).status_code == 403


@pytest.mark.loopback
def test_a_token_for_another_login_is_refused(place: Place) -> None:
    """The nonce ties the token to this login, the verifier the code."""
    with place.browser() as browser:
        for change in ("nonce", "verifier"):
            url = place.begin(browser)
            back = place.come_back(browser, url, "ruth")
            asked = place.openid._asked
            for state, one in list(asked.items()):
                asked[state] = replace(one, **{change: "x" * 43})
            assert browser.get(back).status_code == 403, change


@pytest.mark.loopback
def test_nothing_in_a_call_says_where_a_browser_goes(place: Place) -> None:
    with place.browser() as browser:
        for name in ("next", "redirect_uri", "return_to", "url", "state"):
            odd = f"{place.url}/oidc/start?{name}=https://evil.example/"
            where = browser.get(odd).headers["location"]
            assert where.startswith(place.openid.provider.issuer)
            assert "evil" not in where
        page = browser.get(
            f"{place.url}/oidc/back?state=x&code=y&next=https://evil.example/"
        )
        assert page.status_code == 403
        assert "evil" not in page.text
    query = urlsplit(where).query
    assert "code_challenge_method=S256" in query
    assert "nonce=" in query


@pytest.mark.loopback
def test_where_there_is_a_provider_no_key_file_logs_in(
    place: Place, world: World
) -> None:
    with place.browser() as browser:
        document: Any = world.login_document("Tomas Berg")
        answer = browser.post(f"{place.url}/login", json=document)
        assert answer.status_code == 403
        assert "login provider alone" in answer.json()["error"]


def test_groups_that_are_no_list_give_nothing(world: World) -> None:
    settings = Provider("https://id.example", "c", "s", "https://v.example", GROUPS)
    for groups in (None, "deciders", {"deciders": 1}, [["deciders"]]):
        claims = {"preferred_username": "Tomas Berg", "groups": groups}
        with pytest.raises(GovernError, match="None of your groups"):
            member_of(claims, settings, world.vault.facts)


def test_too_many_tries_from_one_address_lock_out_nobody_else(world: World) -> None:
    document = world.login_document("Tomas Berg")
    attacker, owner = world.client("192.0.2.7"), world.client()
    seen = {attacker.post("/console/login", json=document).status_code
            for _ in range(40)}  # fmt: skip
    assert seen == {403, 429}
    assert owner.post("/console/login", json=document).status_code == 200
    assert attacker.get("/console/").status_code == 401  # pages answer as ever


def test_logging_out_everywhere_ends_every_session(world: World) -> None:
    one, other = world.enter("Tomas Berg"), world.enter("Tomas Berg")
    bystander = world.enter("Ruth Calder")
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', one.get("/console/").text)
    assert token
    one.post("/console/leave-all", data={"csrf": token.group(1)})
    assert other.get("/console/").status_code == 401
    assert bystander.get("/console/").status_code == 200


def test_over_tls_browsers_are_told_to_stay_there(world: World) -> None:
    client = world.client()
    client.base_url = httpx.URL("https://127.0.0.1:8000")
    name = "strict-transport-security"
    assert "max-age=63072000" in client.get("/console/enter").headers[name]
    assert name not in world.client().get("/console/enter").headers
