"""`overt exposure`: who could read what, from the real environment, proved by trying.

Input: the server's data folder, a settings file that names the rest. Output: a table, a
graph, JSON; and, where something opens that must not, a breach file and a signed halt.
It decrypts nothing and has no key that could.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from overt.cli.files import read_json, write_json
from overt.cli.members import open_key, read_passphrase
from overt.cli.options import FILE, NEW_FILE, NEW_FOLDER, server_or_file
from overt.cli.output import emit, exit_codes, json_option, plain
from overt.cli.participant import passphrase_option
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    OvertError,
    SealError,
    UsageError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.halt import HaltOrder
    from overt.protocol.programme import Programme
    from overt.vault.exposure.audit import Environment, Verdict

KEY, FOLDER = "exposure.key", "exposure"


@click.command(
    epilog=exit_codes(GovernError, SealError, VaultError, DataError, NetworkError)
)
@click.option(
    "--data", type=NEW_FOLDER, required=True, help="The servers' data folder."
)
@click.option(
    "--programme", type=NEW_FOLDER, help="The programme's folder; not with --init."
)
@click.option("--init", is_flag=True, help="Make the audit's key, then stop.")
@click.option(
    "--settings", type=FILE, help="TOML: folders, accounts, buckets, keys to look at."
)
@click.option("--database", default="", help="URL; SQLite in --data where empty.")
@click.option("--objects", default="", help="URL; files in --data where empty.")
@click.option("--graph", type=NEW_FILE, help="Write the graph in DOT as well.")
@click.option("--every", type=click.IntRange(1), help="Again each so many seconds.")
@click.option(
    "--agree", type=FILE, help='Sign this list [{"who", "what", "where"}] as meant.'
)
@click.option("--parent", type=int, hidden=True, help="Pipe that ends with the parent.")
@click.option("--as", "key_file", type=FILE, help="Key file of who agrees.")
@server_or_file
@passphrase_option
@json_option
def exposure(
    data: Path,
    programme: Path | None,
    settings: Path | None,
    database: str,
    objects: str,
    graph: Path | None,
    every: int | None,
    parent: int | None,
    agree: Path | None,
    key_file: Path | None,
    server: str,
    passphrase_file: Path | None,
    *,
    init: bool,
    as_json: bool,
) -> None:
    """Say who could read what, and prove it by trying; halt where it must not be.

    First `overt exposure --init`, which prints a key for the roster (role exposure):
    with it the audit can halt the programme. A finding ends with exit code 7; so does
    what the steward or the representative has not signed as meant with --agree.
    """
    from overt.cli.founding import read_programme
    from overt.cli.supervise import end_with

    if parent is not None:
        end_with(parent)
    if init:
        emit(*_made(data), as_json=as_json)
        return
    if programme is None:
        raise UsageError("--programme is missing.", remedy="Or use --init first.")
    _, _, found = read_programme(programme)
    if agree is not None:
        emit(*_agreed(data, found, agree, key_file, passphrase_file), as_json=as_json)
        return
    where = (data, settings, (database, objects))
    while every is not None:
        try:
            _look(where, found, server, graph, as_json=as_json)
        except OvertError as error:
            click.echo(f"The exposure audit: {error}", err=True)
        time.sleep(every)
    _look(where, found, server, graph, as_json=as_json)


def _look(
    where: tuple[Path, Path | None, tuple[str, str]],
    programme: Programme,
    server: str,
    graph: Path | None,
    *,
    as_json: bool,
) -> None:
    """Look once, halt where something is exposed, and show what was found.

    Raises:
        GovernError: Something is exposed.
    """
    from overt.cli.exposing import environment
    from overt.vault.exposure.audit import run

    data, settings, places = where
    world = environment(data, programme, settings, places)
    with closing(world.database):
        verdict = run(world, data / FOLDER)
        said = _halt(data, programme, server, verdict, world)
    _show(verdict, said, graph, as_json=as_json)
    if verdict.found:
        raise GovernError(
            f"{len(verdict.found)} reaches must not be.",
            remedy="Close them; then see that nothing is found any more.",
        )


def _show(verdict: Verdict, said: str, graph: Path | None, *, as_json: bool) -> None:
    from overt.vault.exposure import show
    from overt.vault.exposure.decisions import table

    if graph is not None:
        graph.write_text(show.graph(verdict.report, verdict.found), encoding="utf-8")
    lines = [show.table(verdict.report, verdict.found)]
    lines += [f"New since the last run: {one}" for one in verdict.came]
    lines += [f"Gone since the last run: {one}" for one in verdict.went]
    lines.append(said)
    body = {
        **asdict(verdict.report),
        "unexpected": [asdict(one) for one in verdict.found],
        "came": verdict.came,
        "went": verdict.went,
        "policy": table(),
        "halt": said,
    }
    text = "\n".join(plain(part) for line in lines for part in line.split("\n"))
    emit(body, text, as_json=as_json)


def _halt(
    data: Path, programme: Programme, server: str, verdict: Verdict, world: Environment
) -> str:
    """Halt where something is exposed; return what was done."""
    from overt.vault.govern.halt import halt_in_force

    if verdict.order is None:
        return "Nothing is exposed."
    running = halt_in_force(world.database, programme)
    if running is not None and running[1].cause == "exposure":
        return "The programme is halted for an exposure already."
    key = read_audit_key(data)
    if key is None or not _on_roster(programme, key):
        return (
            "NOT HALTED: the audit's key is not on the roster. Halt by hand: overt"
            " programme halt."
        )
    if not server:
        return "NOT HALTED: no --server was named. Halt by hand: overt programme halt."
    return _order(key, programme, server, verdict.order)


def _order(
    key: Ed25519PrivateKey, programme: Programme, server: str, order: HaltOrder
) -> str:
    from overt.cli.calling import Caller
    from overt.protocol import routes
    from overt.protocol.halt import sign_halt, verify_halt

    signed = sign_halt(order, [key])
    verify_halt(signed, programme)
    Caller(server, key).send("POST", routes.HALTS, signed)
    return "The programme was halted."


def _on_roster(programme: Programme, key: Ed25519PrivateKey) -> bool:
    from overt.protocol.signing import public_text

    public = public_text(key.public_key())
    return public in {member.key for member in programme.members("exposure")}


def read_audit_key(data: Path) -> Ed25519PrivateKey | None:
    """Return the audit's key; none where it was not made.

    Raises:
        UsageError: It cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = data / FOLDER / KEY
    if not path.exists():
        return None
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
    except (OSError, ValueError) as error:
        raise UsageError(f"The audit's key {path} cannot be read.") from error


def _made(data: Path) -> tuple[dict[str, str], str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.signing import public_text

    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    path = folder / KEY
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already; it is kept.") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.private_bytes_raw().hex())
        file.flush()
        os.fsync(file.fileno())
    public = public_text(key.public_key())
    text = (
        f'[[roster]]\nname = "exposure-audit"\nroles = ["exposure"]\nkey = "{public}"'
    )
    return {"key": public}, text


def _agreed(
    data: Path,
    programme: Programme,
    agree: Path,
    key_file: Path | None,
    passphrase_file: Path | None,
) -> tuple[dict[str, str], str]:
    from overt.protocol.signing import sign_document
    from overt.vault.exposure.audit import AGREED
    from overt.vault.exposure.findings import AGREED as KIND
    from overt.vault.exposure.findings import verify_agreed

    if key_file is None:
        raise UsageError("Who agrees?", remedy="Give --as KEY, a steward's.")
    listed = read_json(agree, what="The agreed list").get("agreed")
    phrase = read_passphrase(passphrase_file, what=key_file.name)
    body = {"programme": programme.programme, "agreed": listed}
    signed = sign_document(KIND, body, [open_key(key_file, phrase)])
    count = len(verify_agreed(signed, programme))
    target = data / FOLDER / AGREED
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(target, signed)
    return {"file": str(target)}, f"{count} reaches are agreed to, in {target}."
