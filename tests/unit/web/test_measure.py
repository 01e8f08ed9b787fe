"""Metrics and log lines tell of routes and errors, never of people or content."""

from __future__ import annotations

import json
import logging

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest

from overt.web.measure import JsonLines, Measured, serve_metrics
from tests.fakes.servers import free_port
from tests.fakes.world import client_of

CANARY = "canary-of-a-path"


def an_app(registry: CollectorRegistry) -> httpx.Client:
    app = FastAPI()

    @app.get("/things/{thing}")
    def thing(thing: str) -> str:
        if thing == "bad":
            raise RuntimeError(thing)
        return thing

    return client_of(Measured(app, registry))


def test_answers_are_counted_by_route_not_by_path() -> None:
    registry = CollectorRegistry()
    client = an_app(registry)
    assert client.get(f"/things/{CANARY}").status_code == 200
    with pytest.raises(RuntimeError):
        client.get("/things/bad")
    assert client.request("WHATEVER", f"/{CANARY}").status_code == 404
    told = generate_latest(registry).decode()
    assert CANARY not in told
    assert "WHATEVER" not in told
    line = 'overt_answers_total{method="GET",route="/things/{thing}",status="200"} 1.0'
    assert line in told
    assert 'route="/things/{thing}",status="500"' in told
    assert 'method="other",route="other",status="404"' in told


@pytest.mark.loopback
def test_metrics_are_served_on_loopback_until_ended() -> None:
    registry = CollectorRegistry()
    an_app(registry).get("/things/a")
    port = free_port()
    end = serve_metrics(registry, port)
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
        assert "overt_answer_seconds" in answer.text
    finally:
        end()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_a_line_is_json_and_carries_no_values_of_a_traceback() -> None:
    with pytest.raises(ValueError, match=CANARY) as caught:
        int(CANARY)
    found = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord(
        "overt.vault", logging.WARNING, "", 0, "Release %s ended.", ("rel_1",), found
    )
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["said"]) == ("warning", "Release rel_1 ended.")
    assert line["error"] == "ValueError"
    assert CANARY not in json.dumps(line)
