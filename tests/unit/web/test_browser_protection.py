"""Same origin, form tokens, host names, body limits: each refused on its own."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from overt.protocol.errors import GovernError
from overt.web.security import check_csrf, check_same_origin, csrf_token, host_name


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw})


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin"},
        {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"},
        {"host": "[::1]:8000", "origin": "http://[::1]:8000"},
    ],
)
def test_own_forms_pass(headers: dict[str, str]) -> None:
    check_same_origin(request(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "127.0.0.1:8000"},
        {"host": "127.0.0.1:8000", "origin": "null"},
        {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8001"},
        {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000.evil.example"},
        {
            "host": "127.0.0.1:8000",
            "origin": "http://127.0.0.1:8000",
            "sec_fetch_site": "cross-site",
        },
    ],
)
def test_foreign_forms_do_not(headers: dict[str, str]) -> None:
    with pytest.raises(GovernError, match="another site"):
        check_same_origin(request(**headers))


def test_form_tokens_belong_to_one_session() -> None:
    check_csrf("one", csrf_token("one"))
    assert "one" not in csrf_token("one")
    for wrong in ("", csrf_token("two"), "one", "é"):
        with pytest.raises(GovernError, match="not of this session"):
            check_csrf("one", wrong)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:80", "localhost"),
        ("LOCALHOST", "localhost"),
        ("[::1]:8000", "[::1]"),
        ("[::1]", "[::1]"),
        ("", ""),
    ],
)
def test_host_names_lose_their_port(host: str, name: str) -> None:
    assert host_name(Headers({"host": host})) == name
