"""Passkeys on the real page: a Chromium with a virtual authenticator signs."""

from __future__ import annotations

import json
import os
import socket
import threading
import tomllib
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from fastapi import FastAPI

from overt.console.app import PREFIX
from overt.protocol.canonical import b64
from overt.protocol.passkeys import Passkey
from tests.fakes.authenticator import Authenticator
from tests.fakes.chromium import Chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import World

PAGES = f"{PREFIX}/passkey"


def give_passkey(world: World, name: str, passkey: Passkey, approvals: str) -> None:
    """Sign a passkey into the roster."""
    facts = world.vault.facts
    roster = tuple(
        replace(one, passkeys=(passkey,)) if one.name == name else one
        for one in facts.roster
    )
    world.vault.facts = replace(facts, roster=roster, approvals=approvals)


@contextmanager
def served(world: World) -> Iterator[str]:
    """Serve the console at localhost on a free port; yield its origin."""
    outer, bound = FastAPI(), socket.socket()
    outer.mount(PREFIX, world.app)
    bound.bind(("127.0.0.1", 0))
    config = uvicorn.Config(outer, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield f"http://localhost:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


def enter(browser: Chromium, world: World, name: str, origin: str) -> None:
    token = world.app.state.desk.sessions.start(name, world.clock[0])
    port = origin.rpartition(":")[2]
    browser.set_cookie(f"overt_session_console_{port}", token, origin + PREFIX)


def keep_picture(browser: Chromium, name: str) -> None:
    """Keep pictures where somebody wants to look at them."""
    if folder := os.environ.get("OVERT_TEST_PICTURES"):
        for width, dark in ((1000, False), (320, True)):
            browser.picture(Path(folder) / f"{name}-{width}.png", width, dark=dark)


@pytest.mark.loopback
def test_an_approver_makes_a_passkey_and_signs_with_it_in_chromium(
    world: World, tmp_path: Path
) -> None:
    with served(world) as origin, Chromium(tmp_path) as browser:
        browser.add_authenticator()
        page = browser.page
        enter(browser, world, "Tomas Berg", origin)
        page.navigate(origin + PAGES, ready="document.forms.length")
        keep_picture(browser, "passkey-make")
        page.evaluate("document.querySelector('form[data-passkey] button').click()")
        lines = browser.wait_for(
            "[...document.querySelectorAll('pre')].map(one => one.innerText)"
            ".find(one => one.includes('roster.passkeys'))"
        )
        keep_picture(browser, "passkey-made")
        body = tomllib.loads(lines.replace("roster.passkeys", "passkeys"))
        passkey = Passkey(**body["passkeys"][0])
        assert passkey.origin == origin
        give_passkey(world, "Tomas Berg", passkey, "passkey")

        asked = world.ask(reason='With "quotes", ümlauts and <tags>.')
        place = f"{origin}{PREFIX}/requests/{asked}"
        page.navigate(place, ready="document.querySelector('[data-passkey]')")
        keep_picture(browser, "passkey-decide")
        click = "document.querySelector('button[value={}]').click()"
        page.evaluate(click.format("refuse"))
        assert "Say why" in browser.wait_for(
            "document.querySelector('[role=alert]').innerText"
        )
        form = "document.querySelector('[data-passkey]')"
        page.evaluate(f"{form}.elements.reason.value = 'Fewer: \"3\" ü \\\\'")
        page.evaluate(click.format("approve"))
        browser.wait_for("document.body.innerText.includes('approved')")
        keep_picture(browser, "passkey-decided")
    (decision,) = world.vault.request(asked).approvals
    assert (decision.approver, decision.decision) == ("Tomas Berg", "approve")
    assert decision.reason == 'Fewer: "3" ü \\'
    assert decision.request_digest == world.vault.request(asked).digest


def test_a_registration_of_another_page_is_refused(world: World) -> None:
    device = Authenticator("http://127.0.0.1:8000")
    client = world.enter("Tomas Berg")
    page = client.get(PAGES).text
    challenge = page.partition('data-challenge="')[2].partition('"')[0]
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    form: dict[str, Any] = {"csrf": token, "document": "{}"}
    assert client.post(PAGES, data=form).status_code == 400
    assert "not made on this page" in client.post(PAGES, data=form).text
    assert challenge != b64(bytes(32))
    form["document"] = json.dumps(device.registration(bytes(32)))
    assert client.post(PAGES, data=form).status_code == 400


def test_where_passkeys_are_demanded_the_page_says_so(world: World) -> None:
    give_passkey(world, "Ruth Calder", Authenticator().passkey, "passkey")
    asked = world.ask()
    page = world.enter("Tomas Berg").get(f"{PREFIX}/requests/{asked}").text
    assert "has none of yours" in page
    assert "overt access approve" not in page


@pytest.mark.parametrize("name", ["Noor Dahl", "Ines Albers", "Per Falk"])
def test_passkeys_are_for_approvers(world: World, name: str) -> None:
    assert world.enter(name).get(PAGES).status_code == 403
