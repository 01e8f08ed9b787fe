"""Real servers for tests, each in a process and folder of its own.

PostgreSQL runs as an account without rights, its socket in its folder; an S3 server
(moto) checks who calls. Both end with the test run.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_S = 120.0
_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Postgres:
    """A cluster of PostgreSQL that lives for one test run.

    Attributes:
        folder: Holds the cluster (`data`), its socket and its server log.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="overt-pg-"))
        self.data = self.folder / "data"
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            account = pwd.getpwnam("nobody")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as = {"user": account.pw_uid, "group": account.pw_gid}
        self._run("initdb", "-D", self.data, "-U", "owner", "-A", "trust", "-N")
        settings = f"-c listen_addresses= -c unix_socket_directories={self.folder}"
        fast = "-c fsync=off -c wal_level=minimal -c max_wal_senders=0"
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [_binary("postgres"), "-D", self.data, *f"{settings} {fast}".split()],
                stderr=log,
                cwd=self.folder,
                **self._as,
            )
        _wait(self._answers, "PostgreSQL")

    def _run(self, program: str, *arguments: str | Path) -> bytes:
        return subprocess.run(
            [_binary(program), *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as,
        ).stdout

    def _answers(self) -> bool:
        try:
            psycopg.connect(**self.place("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def place(self, name: str, user: str = "owner") -> dict[str, Any]:
        """Return what `psycopg.connect` needs."""
        return {"host": str(self.folder), "dbname": name, "user": user}

    def url(self, name: str, user: str = "owner") -> str:
        """Return a database's URL for SQLAlchemy."""
        return f"postgresql+psycopg://{user}@/{name}?host={quote(str(self.folder))}"

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database and return its URL."""
        with psycopg.connect(**self.place("postgres"), autocommit=True) as connection:
            names = sql.Identifier(name), sql.Identifier(template)
            command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names)
            connection.execute(command)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database."""
        with psycopg.connect(**self.place("postgres"), autocommit=True) as connection:
            command = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(command.format(sql.Identifier(name)))

    def dump(self, name: str) -> bytes:
        """Return everything in a database as SQL."""
        place = "-h", str(self.folder), "-U", "owner"
        return self._run("pg_dump", "--inserts", *place, name)

    def files(self, name: str) -> list[Path]:
        """Return the files in which a database lies, with the WAL and the log."""
        query = "SELECT oid FROM pg_database WHERE datname = %s"
        with psycopg.connect(**self.place(name), autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            found = connection.execute(query, (name,)).fetchone()
        assert found is not None
        own = [self.data / "base" / str(found[0]), self.data / "pg_wal"]
        return [*own, self.folder / "server.log"]

    def stop(self) -> None:
        """End the server and remove its folder."""
        self._process.terminate()
        self._process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _binary(program: str) -> str:
    found = [folder / program for folder in reversed(_BINARIES)]
    return str(next(iter(found), program))


def _wait(ready: Any, what: str) -> None:
    end = time.monotonic() + _START_S
    while not ready():
        assert time.monotonic() < end, f"{what} does not start."
        time.sleep(0.1)


class Aws:
    """An S3 and KMS server that checks signatures and policies.

    Args:
        open_calls: How many calls are let through before it checks who calls.
    """

    def __init__(self, open_calls: int = 1_000_000) -> None:
        server = Path(sys.executable).with_name("moto_server")
        self._process = subprocess.Popen(
            [server, "-H", "127.0.0.1", "-p", "0"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(open_calls)},
        )
        self.url = next(self._said())
        # what it says later is read by nobody and must not fill the pipe
        self._drain = subprocess.Popen(
            ["/bin/cat"], stdin=self._process.stderr, stdout=subprocess.DEVNULL
        )

    def _said(self) -> Iterator[str]:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
        message = "The S3 server ended."
        raise AssertionError(message)

    def client(self, service: str, key: str = "root", secret: str = "root") -> Any:  # noqa: S107 - a fake server's
        """Return a boto3 client."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    def settings(self, key: str = "root", secret: str = "root") -> dict[str, str]:  # noqa: S107 - a fake server's
        """Return what an S3 store of obstore needs beside the bucket."""
        return {
            "endpoint": self.url,
            "region": "us-east-1",
            "access_key_id": key,
            "secret_access_key": secret,
        }

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Check identities and policies of every call; otherwise all are let through.

        The server starts open, so that tests can set up buckets and accounts.
        """
        self._let_through(0)
        yield
        self._let_through(1_000_000)

    def _let_through(self, calls: int) -> None:
        head = {"content-type": "text/plain"}
        target = f"{self.url}/moto-api/reset-auth"
        answer = httpx.post(target, content=str(calls), headers=head)
        assert answer.status_code == 200

    def stop(self) -> None:
        """End the server."""
        for process in (self._process, self._drain):
            process.terminate()
            process.wait(60)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Bao:
    """An OpenBao server in memory, with a transit engine.

    Attributes:
        url: Its address.
    """

    token = "root"  # noqa: S105 - a fake server's

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        program = Path(sys.executable).with_name("bao")
        address = self.url.removeprefix("http://")
        self._home = tempfile.mkdtemp(prefix="overt-bao-")
        self._process = subprocess.Popen(
            [
                *(program, "server", "-dev", "-dev-no-store-token"),
                *(f"-dev-root-token-id={self.token}",),
                *(f"-dev-listen-address={address}",),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._home},
        )
        _wait(self._answers, "OpenBao")
        self.call("POST", "sys/mounts/transit", {"type": "transit"})

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Call its API as root."""
        headers = {"X-Vault-Token": self.token}
        return httpx.request(
            method, f"{self.url}/v1/{path}", json=body, headers=headers
        )

    def _answers(self) -> bool:
        try:
            return self.call("GET", "sys/health").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.wait(60)
        shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    """Return a port of this machine that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "1234"


def soft_token(folder: Path, label: str) -> str:
    """Make a token of SoftHSM 2 and return its place, as `open_kms` takes it.

    The first call decides where this process's tokens lie.
    """
    if "SOFTHSM2_CONF" not in os.environ:
        (folder / "tokens").mkdir()
        settings = f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n"
        (folder / "softhsm2.conf").write_text(settings)
        os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    pins = "--pin", PIN, "--so-pin", PIN
    make = ["softhsm2-util", "--init-token", "--free", "--label", label, *pins]
    subprocess.run(make, check=True, capture_output=True)
    import pkcs11

    pkcs11.lib(SOFTHSM).reinitialize()  # it knows the tokens that it began with
    return f"pkcs11:{SOFTHSM}?token={label}"
