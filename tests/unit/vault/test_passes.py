"""A pass is for one call and one minute, and the secret never travels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from overt.protocol import routes
from overt.vault.govern.passes import LIFE_S, check_pass, make_pass
from overt.vault.govern.refusals import UnsignedError

if TYPE_CHECKING:
    import httpx

NOW_S = 1_000_000
SECRET = "of both processes"  # noqa: S105 - of a test alone


def test_a_pass_opens_its_own_call() -> None:
    shown = make_pass(SECRET, "/a", b"x", NOW_S)
    assert SECRET not in shown
    check_pass(shown, SECRET, "/a", b"x", NOW_S)
    check_pass(shown, SECRET, "/a", b"x", NOW_S + LIFE_S - 1)


@pytest.mark.parametrize(
    ("shown", "secret", "route", "body", "now_s"),
    [
        (make_pass(SECRET, "/a", b"x", NOW_S), SECRET, "/b", b"x", NOW_S),
        (make_pass(SECRET, "/a", b"x", NOW_S), SECRET, "/a", b"y", NOW_S),
        (make_pass(SECRET, "/a", b"x", NOW_S), SECRET, "/a", b"x", NOW_S + LIFE_S),
        (make_pass(SECRET, "/a", b"x", NOW_S + 900), SECRET, "/a", b"x", NOW_S),
        (make_pass("other", "/a", b"x", NOW_S), SECRET, "/a", b"x", NOW_S),
        (make_pass("", "/a", b"x", NOW_S), "", "/a", b"x", NOW_S),
        (f"Bearer {SECRET}", SECRET, "/a", b"x", NOW_S),
        ("", SECRET, "/a", b"x", NOW_S),
        ("Service ²3.x", SECRET, "/a", b"x", NOW_S),
    ],
)
def test_another_call_an_old_pass_or_another_secret_is_refused(
    shown: str, secret: str, route: str, body: bytes, now_s: int
) -> None:
    with pytest.raises(UnsignedError):
        check_pass(shown, secret, route, body, now_s)


def test_a_pass_for_the_log_erases_nobody(world: Any) -> None:
    device = world.participant(b"recorded")
    token = world.broker_app.state.gate.service_token
    body = f'{{"person":"{device.person}"}}'.encode()
    proof = {"Authorization": make_pass(token, routes.APPENDS, body, world.now_s)}
    answer: httpx.Response = world.broker.post(
        routes.ERASURES, content=body, headers=proof
    )
    assert answer.status_code == 401
    assert world.opened(world.granted()) == [b"recorded"]
