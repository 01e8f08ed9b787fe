"""`overt serve`: the vault server and the key broker, processes of their own.

Input: a data folder and a programme's folder. Output: two servers until interrupted.
The vault server holds the keys that sign receipts and leases; the broker alone opens
the keyring and signs the log. `--only` starts one of them, for two system users.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from overt.cli.members import passphrase_option, read_passphrase, write_json
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import SealError, UsageError, VaultError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from fastapi import FastAPI

LOOPBACK = "127.0.0.1"
_KEYS = {"receipt": "vault", "lease": "vault", "log": "broker"}
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(epilog=exit_codes(SealError, VaultError))
@click.option("--data", type=_FOLDER, required=True, help="Where the servers keep all.")
@click.option("--init", is_flag=True, help="Make the service keys, then stop.")
@click.option("--programme", type=_FOLDER, help="Folder of `overt programme create`.")
@click.option("--port", default=0, help="Of the vault server; 0 takes a free one.")
@click.option("--broker-port", default=0, help="Of the broker; 0 takes a free one.")
@click.option("--database", default="", help="URL; SQLite in --data where empty.")
@click.option("--objects", default="", help="URL; files in --data where empty.")
@click.option("--only", type=click.Choice(["vault", "broker"]), help="Start one alone.")
@click.option("--parent", type=int, hidden=True, help="Pipe that ends with the parent.")
@passphrase_option
@json_option
def serve(
    data: Path,
    init: bool,
    programme: Path | None,
    port: int,
    broker_port: int,
    database: str,
    objects: str,
    only: str | None,
    parent: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Serve a programme on loopback: vault, console and key broker.

    First `overt serve --data DIR --init`, which writes DIR/services.json for
    `overt programme create`; then `overt serve --data DIR --programme FOLDER`.
    The passphrase opens the broker's keyring.
    """
    if init:
        emit(make_services(data), as_json=as_json)
        return
    if programme is None:
        raise UsageError("--programme is missing.", remedy="Or use --init first.")
    if not (data / "services.json").exists():
        raise UsageError(
            f"{data} has no service keys.", remedy=f"overt serve --data {data} --init"
        )
    places = {
        "database": database or f"sqlite:///{(data / 'vault' / 'rows.db').absolute()}",
        "objects": objects or (data / "vault" / "objects").absolute().as_uri(),
    }
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if only == "broker":
        _run(_broker(data, programme, passphrase_file, places), broker_port)
    elif only == "vault":
        _run(_vault(data, programme, broker_port, places), port)
    else:
        port, broker_port = _free_port(port), _free_port(broker_port)
        _supervise(data, port, broker_port, as_json=as_json)


def make_services(data: Path) -> dict[str, str]:
    """Make the service keys and the service token; return the public halves.

    Raises:
        UsageError: They are there already; keys are never overwritten.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.signing import public_text

    if (data / "services.json").exists():
        raise UsageError(f"{data} has service keys already; they are kept.")
    publics = {}
    for name, part in _KEYS.items():
        key = Ed25519PrivateKey.generate()
        publics[name] = public_text(key.public_key())
        _write_secret(data / part / f"{name}.key", key.private_bytes_raw().hex())
    token = secrets.token_urlsafe(32)
    for part in ("vault", "broker"):
        _write_secret(data / part / "service-token", token)
    write_json(data / "services.json", publics, mode=0o644)
    return publics


def _write_secret(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _read_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
    except (OSError, ValueError) as error:
        raise UsageError(f"The service key {path.name} cannot be read.") from error


def _broker(
    data: Path, programme: Path, passphrase_file: Path | None, places: dict[str, str]
) -> FastAPI:
    from overt.cli.programme import read_programme
    from overt.vault.broker.app import Settings, create_app
    from overt.vault.broker.keyring import KeyringFile
    from overt.vault.govern.roster import Roster
    from overt.vault.store.database import Database
    from overt.vault.store.objects import open_objects

    folder = data / "broker"
    anchor, document, _ = read_programme(programme)
    phrase = read_passphrase(passphrase_file, what="the broker's keyring")
    database = Database(places["database"])
    Roster(database, anchor).install(document)
    return create_app(
        Settings(
            database,
            open_objects(places["objects"]),
            anchor,
            KeyringFile(folder / "keyring", passphrase=phrase),
            data / "vault" / "log",
            _read_key(folder / "log.key"),
            (folder / "service-token").read_text(encoding="ascii"),
        )
    )


def _vault(
    data: Path, programme: Path, broker_port: int, places: dict[str, str]
) -> FastAPI:
    import httpx

    from overt.cli.programme import read_programme
    from overt.console.app import PREFIX, create_console
    from overt.console.vaultdata import VaultData
    from overt.vault.govern.roster import Roster
    from overt.vault.ingest.app import Settings, create_app
    from overt.vault.ingest.broker_client import BrokerClient
    from overt.vault.store.database import Database
    from overt.vault.store.objects import open_objects

    folder = data / "vault"
    anchor, document, _ = read_programme(programme)
    client = httpx.Client(base_url=f"http://{LOOPBACK}:{broker_port}", timeout=30)
    database = Database(places["database"])
    Roster(database, anchor).install(document)
    settings = Settings(
        database,
        open_objects(places["objects"]),
        anchor,
        BrokerClient(client, (folder / "service-token").read_text(encoding="ascii")),
        folder / "log",
        _read_key(folder / "receipt.key"),
        _read_key(folder / "lease.key"),
    )
    app = create_app(settings)
    console = create_console(VaultData(settings.registry(), settings.log_folder))
    app.mount(PREFIX, console)
    return app


def _run(app: FastAPI, port: int) -> None:
    import uvicorn

    uvicorn.run(
        app,
        host=LOOPBACK,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


def _free_port(port: int) -> int:
    if port:
        return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _supervise(data: Path, port: int, broker_port: int, *, as_json: bool) -> None:
    """Start both with this command's own arguments; end both when one ends."""
    ports = ["--port", str(port), "--broker-port", str(broker_port)]
    reader, writer = os.pipe()  # only this process holds the writing end
    base = [sys.executable, "-m", "overt.cli", *sys.argv[1:], *ports]
    parts = [
        subprocess.Popen(
            [*base, "--only", name, "--parent", str(reader)], pass_fds=[reader]
        )
        for name in ("broker", "vault")
    ]
    os.close(reader)
    addresses = {
        "vault": f"http://{LOOPBACK}:{port}",
        "broker": f"http://{LOOPBACK}:{broker_port}",
        "console": f"http://{LOOPBACK}:{port}/console",
    }
    write_json(data / "addresses.json", addresses)
    click.echo(json.dumps(addresses) if as_json else "\n".join(addresses.values()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        code = _wait_any(parts)
    except KeyboardInterrupt:
        code = 0
    finally:
        for part in parts:
            part.terminate()
        for part in parts:
            part.wait(10)
        os.close(writer)
    if code:
        raise VaultError("One of the servers ended; its message stands above.")


def _end_with(parent: int) -> None:
    """End this process in order once the parent's end of a pipe is closed.

    A supervisor that is killed leaves no server behind that holds its port.
    """
    while os.read(parent, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _wait_any(parts: list[subprocess.Popen[bytes]]) -> int:
    pid, status = os.waitpid(-1, 0)
    for part in parts:
        if part.pid == pid:
            part.returncode = os.waitstatus_to_exitcode(status)
    return abs(os.waitstatus_to_exitcode(status))
