"""`overt serve`: the vault server and the key broker, processes of their own.

Input: a data folder and a programme's folder. Output: two servers until interrupted.
The vault server holds the keys that sign receipts and leases; the broker alone opens
the keyring and signs the log. `--only` starts one of them, for two system users.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from overt.cli.members import read_passphrase
from overt.cli.options import FILE, NEW_FOLDER
from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option
from overt.protocol.errors import DataError, SealError, UsageError, VaultError

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

    from overt.console.vaultdata import VaultData

LOOPBACK = "127.0.0.1"
_PORT = click.IntRange(0, 65535)


@click.command(epilog=exit_codes(SealError, VaultError, DataError))
@click.option(
    "--data", type=NEW_FOLDER, required=True, help="Where the servers keep all."
)
@click.option(
    "--init",
    is_flag=True,
    help="Make the service keys, and PostgreSQL's tables and accounts; then stop.",
)
@click.option(
    "--programme",
    type=NEW_FOLDER,
    help="The programme's folder, from `overt programme create`.",
)
@click.option(
    "--port", type=_PORT, default=0, help="Of the vault server; 0 takes a free one."
)
@click.option(
    "--broker-port", type=_PORT, default=0, help="Of the broker; 0 takes a free one."
)
@click.option("--database", default="", help="URL; SQLite in --data where empty.")
@click.option("--objects", default="", help="URL; files in --data where empty.")
@click.option(
    "--keys",
    default="keyring:",
    show_default=True,
    help="Where epoch roots lie: keyring: , pkcs11:MODULE?token=LABEL ,"
    " openbao:https://HOST/MOUNT or aws-kms:REGION .",
)
@click.option(
    "--login",
    type=FILE,
    help="TOML file of the login provider; without it, only this machine logs in.",
)
@click.option(
    "--log", type=NEW_FOLDER, help="The log's folder; in --data if not given."
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65534),
    default=0,
    help="Of the vault server's metrics, the broker's are at the next; 0: none.",
)
@click.option("--parent", type=int, hidden=True, help="Pipe that ends with the parent.")
@click.option("--only", type=click.Choice(["vault", "broker"]), help="Start one alone.")
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
    keys: str,
    log: Path | None,
    metrics_port: int,
    only: str | None,
    login: Path | None,
    parent: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Serve a programme on loopback: vault, console and key broker.

    First `overt serve --data DIR --init`, which writes DIR/services.json for
    `overt programme create`; then `overt serve --data DIR --programme FOLDER`.
    The passphrase opens the broker's keyring, or is the token's PIN or OpenBao's
    token. It ends with Ctrl+C or SIGTERM (exit
    code 0); if one server ends, the other is ended too.
    """
    from overt.cli.services import check_services, make_services
    from overt.cli.supervise import check_ports, end_with, supervise

    if parent is not None:
        end_with(parent)
    if init:
        emit(make_services(data), as_json=as_json)
        _prepare(database)
        return
    if programme is None:
        raise UsageError("--programme is missing.", remedy="Or use --init first.")
    check_services(data, programme)
    places = {
        "database": database or f"sqlite:///{(data / 'vault' / 'rows.db').absolute()}",
        "objects": objects or (data / "vault" / "objects").absolute().as_uri(),
        "keys": keys,
        "log": str(log or data / "vault" / "log"),
    }
    if only == "broker":
        with bind(broker_port) as bound:
            app = _broker(data, programme, passphrase_file, places)
            run_app(app, bound, metrics_port and metrics_port + 1)
    elif only == "vault":
        with bind(port) as bound:
            app = _vault(data, programme, broker_port, places, login)
            run_app(app, bound, metrics_port)
    else:
        ports = check_ports({"vault": port, "broker": broker_port})
        supervise(data, ports, tell=lambda text: _tell(text, as_json=as_json))


def _prepare(database: str) -> None:
    """Build PostgreSQL's tables and accounts, as their owner."""
    from overt.vault.store.database import Database
    from overt.vault.store.roles import install_roles

    if database.startswith("postgresql"):
        prepared = Database(database)
        install_roles(prepared.engine)
        prepared.close()


def _tell(addresses: dict[str, str], *, as_json: bool) -> None:
    click.echo(json.dumps(addresses) if as_json else "\n".join(addresses.values()))


def bind(port: int) -> socket.socket:
    """Return a socket with a port on loopback; it listens once the server stands.

    Raises:
        UsageError: The port is taken, or not this account's to take.
    """
    import socket

    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
    except OSError as error:
        made.close()
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}.",
            remedy="Stop what has it, or name another port.",
        ) from error
    return made


def _broker(
    data: Path, programme: Path, passphrase_file: Path | None, places: dict[str, str]
) -> FastAPI:
    from overt.cli.founding import read_programme
    from overt.cli.services import read_service_key, read_token
    from overt.vault.broker.app import Settings, create_app
    from overt.vault.broker.opening import KEYRING, needs_secret, open_kms
    from overt.vault.govern.roster import Roster
    from overt.vault.store.database import Database
    from overt.vault.store.objects import open_objects

    folder = data / "broker"
    anchor, document, _ = read_programme(programme)
    keyring, place = folder / "keyring", places["keys"]
    is_new = place == KEYRING and not (keyring / "keyring.json").exists()
    secret = ""
    if needs_secret(place):
        secret = read_passphrase(
            passphrase_file, what="the broker's key store", confirm=is_new
        )
    kms = open_kms(place, keyring, secret)
    database = Database(places["database"])
    Roster(database, anchor).install(document)
    return create_app(
        Settings(
            database,
            open_objects(places["objects"]),
            anchor,
            kms,
            Path(places["log"]),
            read_service_key(data, "log"),
            read_token(folder),
            folder / "denials",
        )
    )


def _vault(
    data: Path,
    programme: Path,
    broker_port: int,
    places: dict[str, str],
    login: Path | None,
) -> FastAPI:
    import httpx

    from overt.cli.founding import read_programme
    from overt.cli.services import read_service_key, read_token
    from overt.console.app import PREFIX
    from overt.console.vaultdata import VaultData
    from overt.vault.govern.roster import Roster
    from overt.vault.ingest.app import Settings, create_app
    from overt.vault.ingest.broker_client import BrokerClient
    from overt.vault.store.database import Database
    from overt.vault.store.objects import open_objects

    folder = data / "vault"
    anchor, document, _ = read_programme(programme)
    broker = f"http://{LOOPBACK}:{broker_port}"
    client = httpx.Client(base_url=broker, timeout=30, trust_env=False)
    database = Database(places["database"])
    Roster(database, anchor).install(document)
    settings = Settings(
        database,
        open_objects(places["objects"]),
        anchor,
        BrokerClient(client, read_token(folder)),
        Path(places["log"]),
        read_service_key(data, "receipt"),
        read_service_key(data, "lease"),
    )
    app = create_app(settings)
    facts = VaultData(settings.registry(), settings.log_folder)
    app.mount(PREFIX, _console(facts, login))
    return app


def _console(facts: VaultData, login: Path | None) -> FastAPI:
    """Return the pages, for this machine alone or behind a login provider."""
    from urllib.parse import urlsplit

    from overt.cli.loggingin import read_provider
    from overt.console.app import create_console

    if login is None:
        return create_console(facts)
    from overt.console.oidc import OpenId

    provider = read_provider(login)
    host = urlsplit(provider.redirect).hostname or ""
    return create_console(
        facts, hosts=(host,), local_only=False, openid=OpenId(provider)
    )


def run_app(app: FastAPI, bound: socket.socket, metrics_port: int = 0) -> None:
    """Serve until asked to end; the server lets what runs go on for 3 s."""
    import signal
    import sys
    from contextlib import suppress

    import uvicorn
    from prometheus_client import CollectorRegistry

    from overt.web.measure import Measured, log_json_lines, serve_metrics

    registry = CollectorRegistry()
    log_json_lines()
    config = uvicorn.Config(
        Measured(app, registry) if metrics_port else app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    # the server hands the signal on when it is done: that is no error
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if metrics_port:
        serve_metrics(registry, metrics_port)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[bound])
