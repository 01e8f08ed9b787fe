"""Login, sessions, forms that only their own page can send, halting, headers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from overt.protocol.halt import HaltOrder, sign_halt

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import World

LIFE_S = 30 * 60
COOKIE = "overt_session_console_8000"


def test_login_needs_the_members_own_key(world: World) -> None:
    client = world.client()
    document = world.login_document("Tomas Berg")
    world.keys["Tomas Berg"] = world.keys["Ines Albers"]
    forged = world.login_document("Tomas Berg")
    assert client.post("/console/login", json=document).status_code == 200
    answer = client.post("/console/login", json=forged)
    assert answer.status_code == 403
    assert "somebody else" in answer.json()["error"]


@pytest.mark.parametrize("shift_s", [-121, 121])
def test_login_out_of_time_is_refused(world: World, shift_s: int) -> None:
    document = world.login_document("Tomas Berg", utc_s=world.clock[0] + shift_s)
    answer = world.client().post("/console/login", json=document)
    assert answer.status_code == 403
    assert answer.json()["remedy"]


def test_login_works_once(world: World) -> None:
    client, document = world.client(), world.login_document("Tomas Berg")
    first = client.post("/console/login", json=document).json()
    assert first["enter"] == "/console/enter"
    assert client.post("/console/login", json=document).status_code == 403
    code = {"code": first["token"]}
    assert client.post("/console/enter", data=code).status_code == 200
    assert client.post("/console/enter", data=code).status_code == 401


def test_login_for_another_programme_is_refused(world: World) -> None:
    document = world.login_document("Tomas Berg")
    world.vault.facts = replace(world.vault.facts, programme="prog_" + "a" * 26)
    answer = world.client().post("/console/login", json=document)
    assert answer.status_code == 403


def test_login_from_another_machine_is_refused(world: World) -> None:
    document = world.login_document("Tomas Berg")
    answer = world.client("192.0.2.7").post("/console/login", json=document)
    assert answer.status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b'{"payload": 1}', b"\xff"])
def test_malformed_login_is_refused(world: World, body: bytes) -> None:
    answer = world.client().post("/console/login", content=body)
    assert answer.status_code == 400


def test_code_runs_out(world: World) -> None:
    client, document = world.client(), world.login_document("Tomas Berg")
    code = client.post("/console/login", json=document).json()["token"]
    world.clock[0] += 61
    assert client.post("/console/enter", data={"code": code}).status_code == 401


def test_code_is_taken_from_this_origin_only(world: World) -> None:
    client, document = world.client(), world.login_document("Tomas Berg")
    code = client.post("/console/login", json=document).json()["token"]
    answer = client.post(
        "/console/enter", data={"code": code}, headers={"origin": "http://evil.example"}
    )
    assert answer.status_code == 403


def test_cookie_is_out_of_reach(world: World) -> None:
    client, document = world.client(), world.login_document("Tomas Berg")
    code = client.post("/console/login", json=document).json()["token"]
    answer = client.post("/console/enter", data={"code": code}, follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == "/console/"
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/console" in cookie
    assert code not in cookie


def test_another_site_on_this_host_does_not_end_the_session(world: World) -> None:
    client = world.enter("Tomas Berg")
    client.cookies.set("overt_session", "of the pages on another port", path="/")
    client.cookies.set("overt_session_console_9000", "of another console", path="/")
    assert client.get("/console/").status_code == 200


def test_session_expires(world: World) -> None:
    client = world.enter("Tomas Berg")
    world.clock[0] += LIFE_S
    answer = client.get("/console/")
    assert answer.status_code == 401
    assert "overt console open" in answer.text


def test_session_rotates_and_ends_after_eight_hours(world: World) -> None:
    client = world.enter("Tomas Berg")
    seen = {client.cookies[COOKIE]}
    while world.clock[0] < 1_795_449_600 + 8 * 3600 - 60:
        world.clock[0] = min(world.clock[0] + 1200, 1_795_449_600 + 8 * 3600 - 60)
        assert client.get("/console/").status_code == 200
        seen.add(client.cookies[COOKIE])
    assert len(seen) > 20
    world.clock[0] += 61
    assert client.get("/console/").status_code == 401


def test_old_secret_dies_after_rotation(world: World) -> None:
    client = world.enter("Tomas Berg")
    old = client.cookies[COOKIE]
    world.clock[0] += 1000
    client.get("/console/")
    world.clock[0] += 11
    stale = world.client()
    stale.cookies.set(COOKIE, old, path="/console")
    assert stale.get("/console/").status_code == 401
    assert client.get("/console/").status_code == 200


def test_roles_follow_the_signed_programme_at_once(world: World) -> None:
    client = world.enter("Ines Albers")
    facts = world.vault.facts
    left = tuple(one for one in facts.roster if one.name != "Ines Albers")
    world.vault.facts = replace(facts, roster=left)
    assert client.get("/console/halt").status_code == 401


def test_leaving_ends_the_session(world: World, csrf: Callable[[str], str]) -> None:
    client = world.enter("Tomas Berg")
    secret = client.cookies[COOKIE]
    token = csrf(client.get("/console/").text)
    client.post("/console/leave", data={"csrf": token})
    client.cookies.set(COOKIE, secret, path="/console")
    assert client.get("/console/").status_code == 401


def halt_order(world: World, state: str, *names: str) -> str:
    order = HaltOrder(
        world.vault.facts.programme, state, "A bucket was public.", "2026-11-23T16:00Z"
    )
    return json.dumps(sign_halt(order, [world.keys[name] for name in names]))


def test_halt_by_pasting_then_lift_by_file(
    world: World, csrf: Callable[[str], str]
) -> None:
    client = world.enter("Ines Albers")
    token = csrf(client.get("/console/halt").text)
    form = {"csrf": token, "document": halt_order(world, "halted", "Ines Albers")}
    page = client.post("/console/halt", data=form).text
    assert "The programme is halted" in page
    assert "A bucket was public." in client.get("/console/").text
    assert "A bucket was public." not in world.client().get("/console/enter").text

    alone = {"csrf": token, "document": halt_order(world, "running", "Ines Albers")}
    assert client.post("/console/halt", data=alone).status_code == 403
    both = halt_order(world, "running", "Ines Albers", "Mia Gruber")
    page = client.post(
        "/console/halt", data={"csrf": token}, files={"file": ("o.json", both)}
    )
    assert page.status_code == 200
    assert "is halted" not in page.text


def test_approval_by_pasting(busy: World, csrf: Callable[[str], str]) -> None:
    waiting = list(busy.vault.documents)[-1]
    client = busy.enter("Ruth Calder")
    path = f"/console/requests/{waiting}"
    form = {
        "csrf": csrf(client.get(path).text),
        "document": json.dumps(busy.approval(waiting, "Ruth Calder")),
    }
    page = client.post(f"{path}/approvals", data=form)
    assert page.status_code == 200
    assert "granted" in page.text
    assert busy.vault.request(waiting).state == "granted"


@pytest.mark.parametrize("document", ["", "[1]", "x" * 70_000, '{"payload": ""}', "é"])
def test_bad_documents_are_refused(
    world: World, csrf: Callable[[str], str], document: str
) -> None:
    client = world.enter("Ines Albers")
    token = csrf(client.get("/console/halt").text)
    answer = client.post("/console/halt", data={"csrf": token, "document": document})
    assert answer.status_code == 400
    assert "What to do:" in answer.text
    assert world.vault.halted == ""


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, ""),
        ({}, "0" * 64),
        ({"origin": "http://evil.example"}, None),
        ({"origin": "null"}, None),
        ({"origin": ""}, None),
        ({"sec-fetch-site": "cross-site"}, None),
        ({"sec-fetch-site": "same-site"}, None),
        ({"sec-fetch-site": "none"}, None),
    ],
)
def test_foreign_forms_are_refused(
    world: World,
    csrf: Callable[[str], str],
    headers: dict[str, str],
    token: str | None,
) -> None:
    client = world.enter("Ines Albers")
    good = csrf(client.get("/console/halt").text)
    form = {
        "csrf": good if token is None else token,
        "document": halt_order(world, "halted", "Ines Albers"),
    }
    assert client.post("/console/halt", data=form, headers=headers).status_code == 403
    assert world.vault.halted == ""


def test_anothers_form_token_is_refused(
    world: World, csrf: Callable[[str], str]
) -> None:
    other = csrf(world.enter("Mia Gruber").get("/console/halt").text)
    form = {"csrf": other, "document": halt_order(world, "halted", "Ines Albers")}
    client = world.enter("Ines Albers")
    assert client.post("/console/halt", data=form).status_code == 403


def test_posts_need_a_session_and_its_role(world: World) -> None:
    document = halt_order(world, "halted", "Ines Albers")
    assert (
        world.client().post("/console/halt", data={"document": document}).status_code
        == 401
    )
    client = world.enter("Tomas Berg")
    assert client.post("/console/halt", data={"document": document}).status_code == 403


@pytest.mark.parametrize("path", ["/enter", "/nowhere", "/static/style.css", "/"])
def test_headers_are_on_every_answer(world: World, path: str) -> None:
    headers = world.client().get(f"/console{path}").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_a_foreign_host_name_is_refused(world: World) -> None:
    client = world.client()
    answer = client.get("/console/enter", headers={"host": "rebound.example:8000"})
    assert answer.status_code == 421


def test_a_long_body_is_refused(world: World) -> None:
    answer = world.client().post("/console/login", content=b" " * 300_000)
    assert answer.status_code == 413
