"""Answers that are no success become errors that commands can end with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from overt.protocol import errors
from overt.protocol.refusal import MAX_SENTENCE, refusal

URL = "http://127.0.0.1:1"


def said(status: int, body: Any) -> errors.OvertError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusal(status, data, server=URL)


def test_the_class_the_sentence_and_the_remedy_come_back() -> None:
    body = {"error": "No lease.", "remedy": "Wait.", "code": "ConsentError"}
    error = said(403, body)
    assert type(error) is errors.ConsentError
    assert str(error) == f"The server {URL} refuses: No lease. Wait."
    assert error.remedy == "Wait."


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (423, "HaltedError", errors.GovernError),
        (401, "UnsignedError", errors.GovernError),
        (413, "TooLargeError", errors.DataError),
        (404, "NotFoundError", errors.VaultError),
        (409, "ConflictError", errors.VaultError),
        (503, "VaultError", errors.NetworkError),
        (502, "", errors.NetworkError),
        (400, "SystemExit", errors.DataError),
        (403, "annotations", errors.GovernError),
        (500, "__doc__", errors.VaultError),
        (302, "", errors.VaultError),
    ],
)
def test_a_class_of_the_servers_own_is_told_by_the_status(
    status: int, code: str, kind: type
) -> None:
    assert type(said(status, {"error": "No.", "code": code})) is kind


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", {"error": None}])
def test_an_answer_without_words_names_the_status(body: Any) -> None:
    assert "Status 500." in str(said(500, body))


def test_a_long_answer_is_cut() -> None:
    error = said(400, {"error": "x" * 9999, "remedy": "y" * 9999})
    assert str(error).count("x") == MAX_SENTENCE
    assert len(error.remedy) == MAX_SENTENCE
