"""HTTP to one server: connections are used again, and nothing odd is taken."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from overt.recorder.person.httpcalls import AWAY, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.loopback


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peers: ClassVar[set[int]] = set()
    asked: ClassVar[list[tuple[str, str, bytes]]] = []

    def do_POST(self) -> None:
        self.peers.add(self.client_address[1])
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.path, self.headers.get("X-Word", ""), body))
        self.send_response(302 if self.path.endswith("away") else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"abc")
        self.close_connection = self.path.endswith("close")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    _Handler.peers, _Handler.asked = set(), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/below"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_connection_serves_many_calls(url: str) -> None:
    with closing(Server(url)) as server:
        assert server.prefix == "/below"
        for _ in range(3):
            reply = server.ask("POST", "/below/x?a=1", {"X-Word": "w"}, b"body")
            assert reply == (200, b"abc")
    assert len(_Handler.peers) == 1
    assert _Handler.asked == [("/below/x?a=1", "w", b"body")] * 3


def test_one_that_the_server_closed_is_replaced(url: str) -> None:
    with closing(Server(url)) as server:
        for _ in range(3):
            assert server.ask("POST", "/close", {}).status == 200
    assert len(_Handler.peers) == 3


def test_no_redirect_is_followed(url: str) -> None:
    with closing(Server(url)) as server:
        assert server.ask("POST", "/away", {}).status == 302
    assert len(_Handler.asked) == 1


def test_threads_do_not_wait_for_each_other(url: str) -> None:
    with closing(Server(url)) as server:
        threads = [
            threading.Thread(target=server.ask, args=("POST", "/x", {}))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(_Handler.asked) == 8
        server.ask("POST", "/x", {})


def test_an_endless_answer_is_cut(url: str) -> None:
    with closing(Server(url)) as server:
        assert server.ask("POST", "/x", {}, most_bytes=1).body == b"ab"
        assert server._idle == []


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"]
)
def test_half_an_answer_and_what_is_no_http_count_as_away(said: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with closing(listener.accept()[0]) as one:
            one.recv(4096)
            one.sendall(said)

    thread = threading.Thread(target=answer)
    thread.start()
    server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
    with pytest.raises(AWAY):
        server.ask("GET", "/", {})
    thread.join()
    listener.close()
    with pytest.raises(AWAY):
        server.ask("GET", "/", {})
