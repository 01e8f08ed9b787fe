"""`overt derived`: what jobs made of recordings: register, list, decide, export.

Input: a job's folder, the researcher's key; or an id and two people's keys. Output:
registrations that lead from each person to every dataset and model, their states, and
under a grant that names the recipient a copy in clear. Nothing is written in clear
before the export is on the log.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from overt.cli.files import check_output
from overt.cli.members import open_key, read_passphrase
from overt.cli.options import (
    FILE,
    NEW_FOLDER,
    folder_option,
    job_option,
    key_option,
    maker_options,
    open_caller,
    server_option,
)
from overt.cli.output import emit, exit_codes, json_option, plain
from overt.cli.participant import passphrase_option
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    SealError,
    UsageError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal


_EXITS = exit_codes(SealError, VaultError, GovernError, DataError, NetworkError)


@click.group()
def derived() -> None:
    """Register what a job made, see its state, decide on it, export it."""


@derived.command(epilog=_EXITS)
@server_option
@key_option
@passphrase_option
@job_option
@json_option
def register(
    server: str, key_file: Path, passphrase_file: Path | None, job: Path, as_json: bool
) -> None:
    """Send the job's registrations again, where the vault was away.

    `refine`, `train` and `evaluate` register by themselves; what is not registered does
    not open. The vault finds by it whose data is in which model. It learns ids and
    digests, no content. Registering again changes nothing and shows the states.
    """
    from overt.cli.making import notes
    from overt.protocol import routes

    caller, _ = open_caller(server, key_file, passphrase_file)
    found = [caller.send("POST", routes.DERIVED, note) for note in notes(job)]
    lines = [f"{one['derived']}  {one['state']}" for one in found]
    emit(found, "\n".join(map(plain, lines)), as_json=as_json)


@derived.command("list", epilog=_EXITS)
@server_option
@key_option
@passphrase_option
@json_option
def list_(
    server: str, key_file: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """List datasets, models and evaluations with their state."""
    from overt.protocol import routes

    caller, _ = open_caller(server, key_file, passphrase_file)
    found = caller.send("GET", routes.DERIVED).get("derived")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DataError("The server's list is malformed.")
    names = ("derived", "kind", "state", "purpose", "researcher", "day")
    lines = ["  ".join(str(one.get(name, "")) for name in names) for one in found]
    empty = "Nothing is registered. A researcher does it: overt derived register."
    emit(found, "\n".join(map(plain, lines)) or empty, as_json=as_json)


@derived.command(epilog=_EXITS)
@server_option
@click.option(
    "--as",
    "key_files",
    type=FILE,
    multiple=True,
    required=True,
    help="Key files of a steward and of the representative.",
)
@passphrase_option
@folder_option
@click.option("--keep", "decision", flag_value="kept", help="It may be used on.")
@click.option("--retire", "decision", flag_value="retired", help="It may not.")
@click.option("--why", required=True, help="The reason; contributors read it.")
@click.argument("what", metavar="ID")
@json_option
def decide(
    server: str,
    key_files: tuple[Path, ...],
    passphrase_file: Path | None,
    folder: Path,
    decision: Literal["kept", "retired"] | None,
    why: str,
    what: str,
    as_json: bool,
) -> None:
    """Decide on ID, a model that held data since withdrawn. It takes two people."""
    from overt.cli.calling import Caller
    from overt.cli.founding import read_programme
    from overt.protocol import routes
    from overt.protocol.derived import Decision, sign_decision, verify_decision

    if decision is None:
        raise UsageError("Keep it or retire it?", remedy="Add --keep or --retire.")
    _, _, programme = read_programme(folder)
    keys = [
        open_key(path, read_passphrase(passphrase_file, what=path.name))
        for path in key_files
    ]
    given = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    signed = sign_decision(Decision(what, decision, why, given), keys)
    verify_decision(signed, programme)
    answer = Caller(server, keys[0]).send("POST", routes.DERIVED_DECISIONS, signed)
    emit(answer, f"{what} is {plain(str(answer['state']))}.", as_json=as_json)


@derived.command(epilog=_EXITS)
@maker_options
@passphrase_option
@click.option("--request", "asked", required=True, help="The request for this export.")
@click.option("--to", "recipient", required=True, help="As the grant names them.")
@click.option(
    "-o", "--output", type=NEW_FOLDER, required=True, help="New folder, in clear."
)
@json_option
def export(
    job: Path,
    key_file: Path,
    server: str,
    broker: str,
    passphrase_file: Path | None,
    asked: str,
    recipient: str,
    output: Path,
    as_json: bool,
) -> None:
    """Write the job's dataset in clear, for the recipient that a grant names.

    It takes a grant of its own, that names dataset and recipient: overt access request
    --export RECIPIENT --derived ID. The export is on the log, where the contributors
    see it, before the first byte is written. What is written cannot be called back.
    """
    from overt.cli.jobs import DATASET
    from overt.cli.making import open_maker, registered, write_clear
    from overt.protocol import routes
    from overt.protocol.derived import Export, sign_export

    if output.exists():
        raise UsageError(f"{output} is there already.", remedy="Name a new folder.")
    check_output(output)
    maker = open_maker(job, server, broker, key_file, passphrase_file)
    dataset = registered(job / DATASET)
    given = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    wish = Export(dataset.derived, asked, recipient, dataset.researcher, given)
    signed = sign_export(wish, maker.member)
    answer = maker.vault.send("POST", routes.EXPORTS, signed)
    files = write_clear(job, maker.open(job / DATASET), output)
    text = f"{output} holds {files} files in clear, for {recipient}."
    emit(answer | {"folder": str(output), "files": files}, text, as_json=as_json)
