"""Every route of vault, broker and console, as every role and as nobody.

schemathesis makes the calls from the apps' own descriptions. Whatever is sent: no
answer of 500 and above, and no 2xx to somebody whom the route's own policy does not
name. `make long` sends many more.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings

from overt.console import policy as pages
from overt.console.app import create_console
from overt.console.vaultdata import VaultData
from overt.protocol.calls import sign_call
from overt.protocol.errors import GovernError
from overt.vault.govern.callers import Caller
from overt.vault.govern.policy import check
from overt.vault.store.database import Database
from overt.web.security import csrf_token
from tests.fakes.world import ROLES, InProcess, World, client_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from tests.fakes.servers import Postgres

_KINDS = (
    "access-request.v1", "approval.v1", "halt.v1", "enrolment.v1", "consent.v1",
    "withdrawal.v1", "derived.v1", "derived-decision.v1", "export.v1", "programme.v1",
    "own-read.v1", "own-recovery.v1", "own-objection.v1",
)  # fmt: skip
_ENVELOPE = {
    "type": "object",
    "required": ["payloadType", "payload", "signatures"],
    "properties": {
        "payloadType": {"enum": [f"application/vnd.overt.{kind}" for kind in _KINDS]},
        "payload": {"anyOf": [{"enum": ["e30", "W10", "bnVsbA"]}, {"type": "string"}]},
        "signatures": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "keyid": {"anyOf": [{"const": "passkey:AA"}, {"type": "string"}]},
                    "sig": {"type": "string"},
                },
            },
        },
    },
}
_BODY = {"anyOf": [_ENVELOPE, {"type": "object"}, {}]}
NOBODY = "nobody"
CANARY = b"canary of the walk"
_ORIGIN = "http://127.0.0.1:8000"


def spec_of(app: FastAPI) -> dict[str, Any]:
    """Return an app's description, with bodies for routes that read them raw."""
    spec: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    for operations in spec["paths"].values():
        for method, operation in operations.items():
            if method in {"post", "put"} and "requestBody" not in operation:
                content = {"application/json": {"schema": _BODY}}
                operation["requestBody"] = {"content": content}
    return spec


def routes_of(app: FastAPI) -> dict[tuple[str, str], APIRoute]:
    """Return an app's routes by method and path."""
    found = {}
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        for one in inner.routes if inner is not None else [route]:
            if isinstance(one, APIRoute):
                for method in one.methods:
                    found[method, one.path_format] = one
    return found


def names(route: APIRoute, who: str) -> bool:
    """Whether a route's own policy names somebody."""
    for one in route.dependant.dependencies:
        declared = getattr(one.call, "policy", None)
        if declared in {"anyone", "invitation"}:
            return True
        if declared is not None:
            return _may(who, declared)
        if isinstance(one.call, pages.Anyone):
            return True
        if isinstance(one.call, pages.Allow | pages.AllowPost):
            return bool(set(one.call.roles) & set(ROLES.get(who, ())))
    return False


def _may(who: str, action: str) -> bool:
    roles = ("participant",) if who == "device" else ROLES.get(who, ())
    try:
        check(Caller(who, roles, ""), action, "prog", halted=False)
    except GovernError:
        return False
    return True


class Site:
    """One app with everybody who calls it."""

    def __init__(self, world: World, app: FastAPI, device: Any) -> None:
        self.world, self.app = world, app
        self.client = client_of(app)
        self.keys = world.keys | {"device": device.key}
        self.everybody = (NOBODY, "device", *ROLES)

    def send(self, who: str, request: httpx.Request) -> httpx.Response:
        """Send a request as somebody, signed."""
        if who != NOBODY:
            target = request.url.raw_path.decode("ascii")
            request.headers["authorization"] = sign_call(
                self.keys[who], method=request.method, target=target,
                body=request.read(), utc_s=self.world.now_s,
                nonce=secrets.token_hex(16),
            )  # fmt: skip
        return self.client.send(request)


class Console(Site):
    """The console, where a session says who it is."""

    def __init__(self, world: World, device: Any) -> None:
        data = VaultData(world.vault_app.state.parts.registry, world.folder / "log")
        app = create_console(data, clock=lambda: world.now_s, hosts=())
        super().__init__(world, app, device)
        self.client = httpx.Client(transport=InProcess(app), base_url=_ORIGIN)
        self.everybody = (NOBODY, *ROLES)
        self.others = ""  # a session whose proof forms carry instead of their own

    def send(self, who: str, request: httpx.Request) -> httpx.Response:
        """Send a request with somebody's cookie, from the page's own origin."""
        token = ""
        if who != NOBODY:
            sessions = self.app.state.desk.sessions
            token = sessions.start(who, self.world.now_s)
        if request.method == "POST":
            document = request.read().decode("utf-8", "replace")
            proof = csrf_token(self.others or token)
            form = {"csrf": proof, "document": document, "code": document}
            request = self.client.build_request("POST", request.url, data=form)
        request.headers["origin"] = _ORIGIN
        request.headers["cookie"] = f"overt_session_console_8000={token}"
        return self.client.send(request)


@pytest.fixture
def sites(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Site]]:
    """The three apps over SQLite; over PostgreSQL where a test asks for that."""
    url = f"sqlite:///{tmp_path}/vault.db"
    if getattr(request, "param", "sqlite") == "postgres":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.create(f"routes_{secrets.token_hex(4)}")
    database = Database(url)
    world = World(tmp_path, database)
    device = world.participant(CANARY)
    yield {
        "vault": Site(world, world.vault_app, device),
        "broker": Site(world, world.broker_app, device),
        "console": Console(world, device),
    }
    world.stop()
    database.close()


def walk(site: Site, examples: int) -> int:
    """Call every route as everybody; return how many calls there were."""
    known = routes_of(site.app)
    schema = schemathesis.openapi.from_dict(spec_of(site.app))
    calls = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        route = known[operation.method.upper(), operation.path]
        calls += _try(site, route, operation.as_strategy(), examples)
    return calls


def _try(site: Site, route: APIRoute, cases: Any, examples: int) -> int:
    calls = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def call(case: Any) -> None:
        nonlocal calls
        for who in site.everybody:
            answer = site.send(who, _request(site, case))
            calls += 1
            where = f"{who}: {case.method} {case.formatted_path}"
            assert answer.status_code < 500, where
            assert CANARY not in answer.content, where
            assert answer.status_code >= 300 or names(route, who), where

    call()
    return calls


def _request(site: Site, case: Any) -> httpx.Request:
    sent = case.as_transport_kwargs(base_url=str(site.client.base_url))
    kept = ("params", "json", "data", "files", "headers")
    given = {name: sent[name] for name in kept if sent.get(name) is not None}
    if isinstance(given.get("data"), bytes | str):
        given["content"] = given.pop("data")
    elif parts := [*given.pop("files", []), *dict(given.pop("data", {})).items()]:
        given["content"] = json.dumps(parts, default=repr).encode()
    given["headers"] = {
        name: value
        for name, value in dict(given.get("headers", {})).items()
        if name.lower() not in {"authorization", "cookie", "content-length"}
    }
    return site.client.build_request(sent["method"], sent["url"], **given)


@pytest.mark.parametrize("name", ["vault", "broker", "console"])
def test_no_route_answers_whom_it_does_not_name(
    sites: dict[str, Site], name: str
) -> None:
    assert walk(sites[name], int(os.environ.get("OVERT_CALLS", "3"))) > 100


@pytest.mark.long
@pytest.mark.parametrize("sites", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize("name", ["vault", "broker", "console"])
def test_no_route_answers_whom_it_does_not_name_at_length(
    sites: dict[str, Site], name: str
) -> None:
    assert walk(sites[name], 70) > 5000


_BREAKS = {
    "vault": ("overt.vault.govern.gate.check", lambda *_, **__: None),
    "broker": ("overt.vault.govern.gate.check", lambda *_, **__: None),
    "console": ("overt.console.policy.Viewer.has", lambda *_: True),
}


@pytest.mark.parametrize("name", list(_BREAKS))
def test_the_walk_finds_routes_without_a_guard(
    sites: dict[str, Site], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Broken builds: each has one guard that lets everybody pass."""
    monkeypatch.setattr(*_BREAKS[name])
    with pytest.raises(AssertionError, match=r": (GET|POST) /"):
        walk(sites[name], 3)


def test_no_form_is_taken_with_the_proof_of_another_session(
    sites: dict[str, Site],
) -> None:
    console = sites["console"]
    assert isinstance(console, Console)
    forms = [
        (route, who)
        for (method, _), route in routes_of(console.app).items()
        for who in console.everybody
        if method == "POST" and names(route, who) and not names(route, NOBODY)
    ]
    assert len(forms) >= 3
    for others, is_refused in (("another session", True), ("", False)):
        console.others = others
        for route, who in forms:
            url = route.path_format.replace("{", "").replace("}", "")
            request = console.client.build_request("POST", url)
            answer = console.send(who, request)
            assert (answer.status_code == 403) is is_refused, f"{who}: {url}"
