"""`overt access`: request, approve, list."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from overt.cli.members import open_key, passphrase_option, read_passphrase, write_json
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import GovernError, NetworkError, UsageError, VaultError

if TYPE_CHECKING:
    from collections.abc import Callable

    from overt.cli.calling import Caller

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def caller_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--server`, `--as` and `--passphrase-file`."""
    for option in (
        click.option(
            "--server",
            envvar="OVERT_SERVER",
            required=True,
            help="Base URL of the vault.",
        ),
        click.option(
            "--as", "key_file", type=FILE, required=True, help="Your key file."
        ),
        passphrase_option,
    ):
        command = option(command)
    return command


def open_caller(
    server: str, key_file: Path, passphrase_file: Path | None
) -> tuple[Caller, Any]:
    """Return who calls, and their key."""
    from overt.cli.calling import Caller

    key = open_key(key_file, read_passphrase(passphrase_file, what=key_file.name))
    return Caller(server, key), key


@click.group()
def access() -> None:
    """Ask for access to recordings, approve it, see what was asked."""


@access.command(epilog=exit_codes(GovernError, NetworkError))
@caller_options
@click.option("--folder", type=FOLDER, required=True, help="The programme's folder.")
@click.option("--name", required=True, help="Your name on the roster.")
@click.option("--purpose", required=True)
@click.option("--reason", required=True, help="What it is for, in your words.")
@click.option("--person", "cohort", multiple=True, help="Pseudonym; none: all.")
@click.option(
    "--field", "fields", multiple=True, default=("input", "screen", "context")
)
@click.option("--level", default="clear", show_default=True)
@click.option("--region", required=True)
@click.option("--days", default=7, show_default=True, help="For how long.")
@click.option("--export", default="", help="Recipient of a plaintext export.")
@click.option(
    "--job",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the job; its key is made there, under the same passphrase.",
)
@json_option
def request(
    server: str,
    key_file: Path,
    passphrase_file: Path | None,
    folder: Path,
    name: str,
    purpose: str,
    reason: str,
    cohort: tuple[str, ...],
    fields: tuple[str, ...],
    level: str,
    region: str,
    days: int,
    export: str,
    job: Path,
    as_json: bool,
) -> None:
    """Ask to read recordings for a purpose. Two approvers must agree."""
    from overt.cli.jobs import make_job
    from overt.cli.programme import read_programme
    from overt.protocol import routes
    from overt.protocol.grants import AccessRequest, request_problems, sign_request
    from overt.protocol.ids import new_id

    _, _, programme = read_programme(folder)
    caller, key = open_caller(server, key_file, passphrase_file)
    phrase = read_passphrase(passphrase_file, what="the job's key")
    draft = AccessRequest(
        new_id("req"), programme.programme, name, purpose, reason, cohort, fields,
        level, region, int(time.time()) + days * 86400, "", export,
    )  # fmt: skip
    if problems := request_problems(draft, programme):
        raise GovernError(problems[0])
    body = make_job(job, draft, phrase)
    document = sign_request(body, key)
    answer = caller.send("POST", routes.REQUESTS, document)
    write_json(job / "request.json", document)
    emit(answer | {"job": str(job)}, as_json=as_json)


@access.command("list", epilog=exit_codes(GovernError, NetworkError))
@caller_options
@json_option
def list_(
    server: str, key_file: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """List the requests that you may see, with their state."""
    from overt.protocol import routes

    caller, _ = open_caller(server, key_file, passphrase_file)
    found = caller.send("GET", routes.REQUESTS)["requests"]
    lines = [
        f"{item['request']}  {item['state']}  approvals: {len(item['approvals'])}"
        for item in found
    ]
    empty = "No requests. A researcher makes one: overt access request."
    emit(found, "\n".join(lines) or empty, as_json=as_json)


@access.command(epilog=exit_codes(GovernError, VaultError, NetworkError))
@caller_options
@click.option("--folder", type=FOLDER, required=True, help="The programme's folder.")
@click.option("--name", required=True, help="Your name on the roster.")
@click.option("--refuse", is_flag=True, help="Refuse instead; needs --reason.")
@click.option("--reason", default="")
@click.argument("request_id")
@json_option
def approve(
    server: str,
    key_file: Path,
    passphrase_file: Path | None,
    folder: Path,
    name: str,
    refuse: bool,
    reason: str,
    request_id: str,
    as_json: bool,
) -> None:
    """Approve (or refuse) exactly the request that the server shows now."""
    from overt.cli.programme import read_programme
    from overt.protocol import routes
    from overt.protocol.consent import document_digest
    from overt.protocol.grants import Approval, sign_approval, verify_request

    if refuse and not reason:
        raise UsageError("A refusal needs a reason.", remedy="Add --reason.")
    _, _, programme = read_programme(folder)
    caller, key = open_caller(server, key_file, passphrase_file)
    found = {
        item["request"]: item["document"]
        for item in caller.send("GET", routes.REQUESTS)["requests"]
    }
    if request_id not in found:
        raise VaultError(
            f"There is no request {request_id}.", remedy="See: overt access list."
        )
    verify_request(found[request_id], programme)
    approval = Approval(
        document_digest(found[request_id]),
        name,
        "refuse" if refuse else "approve",
        reason,
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    target = f"{routes.REQUESTS}/{request_id}/approvals"
    answer = caller.send("POST", target, sign_approval(approval, key))
    emit(answer | {"request": request_id}, as_json=as_json)
