"""What all tests share: no network beyond this machine, a home of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_socket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.servers import Aws, Postgres


_REACH_LOOPBACK = ("display", "loopback", "journey")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test open unix sockets only, or loopback where its marker says so."""
    if any(item.get_closest_marker(name) for name in _REACH_LOOPBACK):
        pytest_socket.enable_socket()
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the home of whoever runs it."""
    monkeypatch.setenv("OVERT_HOME", str(tmp_path / "overt-home"))
    monkeypatch.delenv("OVERT_PASSPHRASE_FILE", raising=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL with one migrated, empty database called `migrated`."""
    from overt.vault.store.database import Database
    from tests.fakes.servers import Postgres

    with Postgres() as cluster:
        Database(cluster.create("migrated")).close()
        yield cluster


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    """An S3 and KMS server."""
    from tests.fakes.servers import Aws

    with Aws() as server:
        yield server
