from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest

from overt.research.evaluate.pages import PageServer, miniwob_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.loopback


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    (tmp_path / "root" / "miniwob").mkdir(parents=True)
    (tmp_path / "root" / "miniwob" / "task.html").write_text("<p>task</p>")
    (tmp_path / "outside.txt").write_text("outside")
    with PageServer(tmp_path / "root") as made:
        yield made


def _ask(server: PageServer, method: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_page_has_a_url(server: PageServer) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}/miniwob/"
    assert _ask(server, "GET", "/miniwob/task.html") == (200, b"<p>task</p>")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/miniwob/", 404),
        ("GET", "/../outside.txt", 404),
        ("GET", "/%2e%2e/outside.txt", 404),
        ("POST", "/miniwob/task.html", 501),
        ("PUT", "/miniwob/new.html", 501),
    ],
)
def test_nothing_but_files_of_the_folder_is_served(
    server: PageServer, method: str, path: str, status: int
) -> None:
    assert _ask(server, method, path)[0] == status


def test_the_installed_pages_have_every_task() -> None:
    pages = {path.stem for path in (miniwob_root() / "miniwob").glob("*.html")}
    assert {"click-test-2", "use-autocomplete"} <= pages
