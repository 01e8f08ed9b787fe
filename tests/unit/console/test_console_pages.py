"""Every role on every page; what pages show; that they are sound HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount

from overt.console.policy import Allow, AllowPost, Anyone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conftest import World
    from starlette.routing import BaseRoute

PAGES = {
    "/": "steward approver researcher auditor operator representative",
    "/requests": "steward approver researcher auditor representative",
    "/programme": "steward approver researcher auditor representative",
    "/log": "steward auditor representative",
    "/stored": "steward auditor operator representative",
    "/halt": "steward representative",
}
ONE_OF_EACH = {
    "steward": "Ines Albers",
    "approver": "Tomas Berg",
    "researcher": "Noor Dahl",
    "auditor": "Ada Eriksen",
    "operator": "Per Falk",
    "representative": "Mia Gruber",
}
VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(HTMLParser):
    """Collects what a sound page must have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: set[str] = set()
        self.inline: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.count[tag] = self.count.get(tag, 0) + 1
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.inline += [name for name in values if name == "style" or name[:2] == "on"]
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        if tag == "label" and values.get("for"):
            self.labels.add(values["for"])
        if tag in {"input", "textarea", "select"} and values.get("type") != "hidden":
            self.fields.add(values.get("id") or "?")
        if tag == "style" or (tag == "script" and not values.get("src")):
            self.inline.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def every_page(world: World) -> dict[str, str]:
    detail = {f"/requests/{name}" for name in world.vault.documents}
    pages = {}
    for name in ("Ines Albers", "Ruth Calder", "Per Falk", "Noor Dahl"):
        client = world.enter(name)
        for path in {*PAGES, *detail, "/enter", "/nowhere"}:
            pages[f"{name} {path}"] = client.get(f"/console{path}").text
    return pages


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", ONE_OF_EACH)
def test_role_table(busy: World, role: str, path: str) -> None:
    client = busy.enter(ONE_OF_EACH[role])
    answer = client.get(f"/console{path}")
    assert answer.status_code == (200 if role in PAGES[path].split() else 403)
    home = client.get("/console/").text
    assert (f'href="/console{path}"' in home) == (role in PAGES[path].split())


def walk(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from [route] if inner is None else walk(inner.routes)


def test_every_route_declares_its_policy(world: World) -> None:
    routes = list(walk(world.app.routes))
    assert len(routes) > len(PAGES)
    for route in routes:
        if isinstance(route, Mount):
            assert route.path == "/static"
            continue
        assert isinstance(route, APIRoute)
        kinds = {type(item.call) for item in route.dependant.dependencies}
        assert kinds & {Allow, AllowPost, Anyone}, route.path
        if route.methods == {"POST"} and Anyone not in kinds:
            assert AllowPost in kinds, route.path


def test_pages_are_sound_html(busy: World) -> None:
    for name, text in every_page(busy).items():
        page = Page(text)
        assert page.open == [], name
        assert page.count["h1"] == page.count["main"] == page.count["title"] == 1, name
        assert len(set(page.ids)) == len(page.ids), name
        assert page.fields <= page.labels, name
        assert page.inline == [], name
        assert all(link[0] in "/#" for link in page.links), name
        assert text.startswith('<!doctype html>\n<html lang="en">'), name
        assert 'name="viewport" content="width=device-width' in text, name


def test_empty_states_say_what_to_do_next(world: World) -> None:
    client = world.enter("Ruth Calder")
    assert "overt access request --help" in client.get("/console/requests").text
    assert "The first enrolment makes" in client.get("/console/log").text
    world.vault.segments = 0
    stored = world.enter("Per Falk").get("/console/stored").text
    assert "overt send" in stored


def test_approver_sees_the_request_and_the_command(busy: World) -> None:
    waiting = list(busy.vault.documents)[-1]
    text = busy.enter("Ruth Calder").get(f"/console/requests/{waiting}").text
    facts = busy.vault.request(waiting)
    shown = (
        "Agents that fill in forms", "Train the second", "9 named pseudonyms",
        "input, screen", "masked", "EU", "2026-12-07", "Noor Dahl", facts.digest,
        f"overt access approve {waiting} \\\n  --name &#39;Ruth Calder&#39;",
        "the representative&#39;s approval",
    )  # fmt: skip
    assert [item for item in shown if item not in text] == []
    assert not any(person in text for person in facts.request.cohort)


def test_a_request_that_can_never_be_granted_is_only_refused(busy: World) -> None:
    name = busy.ask(purpose="gone")
    text = busy.enter("Ruth Calder").get(f"/console/requests/{name}").text
    assert "does not have" in text
    assert text.count("overt access approve") == text.count("--refuse") == 1


def test_nobody_decides_their_own_or_twice(busy: World) -> None:
    own = busy.ask("Jo Hale")
    assert (
        "their own request"
        in busy.enter("Jo Hale").get(f"/console/requests/{own}").text
    )
    waiting = list(busy.vault.documents)[-2]
    text = busy.enter("Tomas Berg").get(f"/console/requests/{waiting}").text
    assert "You have decided" in text
    assert "overt access approve" not in text


def test_researcher_sees_only_their_own_requests(busy: World) -> None:
    others = next(
        name
        for name in busy.vault.documents
        if busy.vault.request(name).request.requester == "Jo Hale"
    )
    client = busy.enter("Noor Dahl")
    assert "Jo Hale" not in client.get("/console/requests").text
    assert client.get(f"/console/requests/{others}").status_code == 403


def test_counts_are_for_those_who_may_see_them(busy: World) -> None:
    name = busy.ask()
    asked = f"/console/requests/{name}"
    assert "14 at present" in busy.enter("Ruth Calder").get(asked).text
    assert "at present" not in busy.enter("Noor Dahl").get(asked).text


def test_rows_that_nobody_signed_are_told(busy: World) -> None:
    busy.vault.unsound = 2
    text = busy.enter("Ada Eriksen").get("/console/requests").text
    assert "2 rows of the database are no request" in text


def test_counts_below_five_are_hidden(busy: World) -> None:
    busy.vault.consents = None
    text = busy.enter("Ines Albers").get("/console/stored").text
    assert "fewer than 5" in text


def test_uncovered_dpia_is_shown(busy: World) -> None:
    facts = busy.vault.facts
    changed = type(facts)(**{
        name: getattr(facts, name) for name in facts.__dataclass_fields__
    } | {"retention_days": 9})  # fmt: skip
    busy.vault.facts = changed
    text = busy.enter("Ines Albers").get("/console/programme").text
    assert "No signed DPIA covers this configuration" in text


def test_hostile_words_are_escaped(busy: World) -> None:
    bad = '<script>alert("x")</script>'
    name = busy.ask(reason=bad)
    busy.vault.halted = bad
    text = busy.enter("Ruth Calder").get(f"/console/requests/{name}").text
    assert bad not in text
    assert text.count("&lt;script&gt;") == 2


def test_error_pages_have_a_remedy(busy: World) -> None:
    client = busy.enter("Per Falk")
    for path, status in (("/nowhere", 404), ("/log", 403), ("/leave", 405)):
        answer = client.get(f"/console{path}")
        assert answer.status_code == status
        assert "What to do:" in answer.text
        assert "Log out" in answer.text
    busy.vault.broken = True
    answer = client.get("/console/stored")
    assert answer.status_code == 503
    assert "Check its disk." in answer.text
    assert "counts as halted" in answer.text


def test_a_defect_shows_no_detail(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = busy.enter("Per Falk")

    def fail() -> None:
        raise ZeroDivisionError("words of the inside")

    monkeypatch.setattr(busy.vault, "state", fail)
    answer = client.get("/console/stored")
    assert answer.status_code == 500
    assert "words of the inside" not in answer.text
