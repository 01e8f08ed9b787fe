"""`overt access`: request, list, approve."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from overt.cli.files import check_output, read_json, write_json
from overt.cli.members import open_key, read_passphrase
from overt.cli.options import (
    NEW_FILE,
    NEW_FOLDER,
    check_server_or_file,
    folder_option,
    key_option,
    name_option,
    open_caller,
    server_option,
    server_or_file,
)
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
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.protocol.grants import AccessRequest, Approval
    from overt.protocol.programme import Programme

_EXITS = exit_codes(SealError, VaultError, GovernError, DataError, NetworkError)


@click.group()
def access() -> None:
    """Ask for access to recordings, approve it, see what was asked."""


@access.command(epilog=_EXITS)
@server_option
@key_option
@passphrase_option
@folder_option
@name_option
@click.option("--purpose", required=True, help="Id of one of the programme's purposes.")
@click.option("--reason", required=True, help="What it is for, in your words.")
@click.option(
    "--person", "cohort", multiple=True, help="A pseudonym; none: all who agreed."
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    default=("input", "screen", "context"),
    show_default=True,
    help="Which data types; repeatable. With timing: exact times of keys and pointer.",
)
@click.option(
    "--level",
    type=click.Choice(["masked", "words", "clear"]),
    default="clear",
    show_default=True,
    help="The highest level that you need.",
)
@click.option("--region", required=True, help="Where the job runs, for example EU.")
@click.option(
    "--days",
    type=click.IntRange(min=1, max=366),
    default=7,
    show_default=True,
    help="For how long.",
)
@click.option("--export", default="", help="Recipient of a plaintext export.")
@click.option(
    "--derived",
    multiple=True,
    help="What is exported, an id of `overt derived list`; repeatable.",
)
@click.option(
    "--job",
    type=NEW_FOLDER,
    required=True,
    help="New folder of the job; its key is made there, under a passphrase.",
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
    derived: tuple[str, ...],
    job: Path,
    as_json: bool,
) -> None:
    """Ask to read recordings for a purpose. Two approvers must agree."""
    from overt.cli.founding import read_programme
    from overt.cli.jobs import REQUEST, check_job, new_job
    from overt.protocol import routes
    from overt.protocol.grants import (
        AccessRequest,
        request_problems,
        sign_request,
        verify_request,
    )
    from overt.protocol.ids import new_id

    _, _, programme = read_programme(folder)
    draft = AccessRequest(
        new_id("req"), programme.programme, name, purpose, reason, cohort, fields,
        level, region, int(time.time()) + days * 86400, "", export, derived,
    )  # fmt: skip
    for problem in request_problems(draft, programme):
        raise GovernError(problem)
    check_job(job)
    caller, key = open_caller(server, key_file, passphrase_file)
    phrase = read_passphrase(passphrase_file, what="the job's key", confirm=True)
    with new_job(job, draft, phrase) as asked:
        document = sign_request(asked, key)
        verify_request(document, programme)
        write_json(job / REQUEST, document)
        answer = caller.send("POST", routes.REQUESTS, document)
    emit(answer | {"job": str(job)}, as_json=as_json)


@access.command("list", epilog=_EXITS)
@server_option
@key_option
@passphrase_option
@json_option
def list_(
    server: str, key_file: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """List the requests that you may see, with their state."""
    caller, _ = open_caller(server, key_file, passphrase_file)
    found = _requests(caller.send)
    empty = "No requests. A researcher makes one: overt access request."
    emit(found, "\n".join(map(_line, found)) or empty, as_json=as_json)


@access.command(epilog=_EXITS)
@server_option
@key_option
@passphrase_option
@folder_option
@click.argument("request", metavar="REQUEST")
@json_option
def show(
    server: str,
    key_file: Path,
    passphrase_file: Path | None,
    folder: Path,
    request: str,
    as_json: bool,
) -> None:
    """Read REQUEST in words, with the digest that an approval signs.

    Who decides on the server's page compares the digest there with this one.
    """
    from overt.cli.asked import words
    from overt.cli.founding import read_programme
    from overt.protocol.consent import document_digest
    from overt.protocol.grants import verify_request

    _, _, programme = read_programme(folder)
    key = open_key(key_file, read_passphrase(passphrase_file, what=key_file.name))
    document = _document(request, server, key)
    asked, seen = verify_request(document, programme), document_digest(document)
    _check_same(asked, seen, request, None)
    told = words(asked, programme, seen, now_utc_s=int(time.time()))
    emit(
        {"request": asked.request, "digest": seen, "document": document},
        told,
        as_json=as_json,
    )


def _requests(send: Callable[[str, str], Json]) -> list[Json]:
    from overt.protocol import routes

    found = send("GET", routes.REQUESTS).get("requests")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DataError("The server's list of requests is malformed.")
    return found


def _line(item: Json) -> str:
    """Return a request in a line, as the server tells it."""
    from overt.protocol.documents import read_unverified

    try:
        _, body, _ = read_unverified(item["document"])
        asked = f"{body.get('requester')} for {body.get('purpose')}"
    except (OvertError, KeyError):
        asked = "malformed"
    count = len(item.get("approvals", ()))
    text = f"{item.get('request')}  {item.get('state')}  {asked}  decisions: {count}"
    return plain(text)


@access.command(epilog=_EXITS)
@server_or_file
@key_option
@passphrase_option
@folder_option
@name_option
@click.option("--refuse", is_flag=True, help="Refuse instead; needs --reason.")
@click.option("--reason", default="", help="Why, in your words; goes on record.")
@click.option(
    "--digest",
    metavar="HEX",
    help="The digest that you were told elsewhere; another one is not signed.",
)
@click.option("--yes", is_flag=True, help="You have read the request; do not ask.")
@click.option(
    "-o",
    "--output",
    type=NEW_FILE,
    help="Write the signed decision for the server's pages; send nothing.",
)
@click.argument("request", metavar="REQUEST")
@json_option
def approve(
    server: str,
    key_file: Path,
    passphrase_file: Path | None,
    folder: Path,
    name: str,
    refuse: bool,
    reason: str,
    digest: str | None,
    yes: bool,
    output: Path | None,
    request: str,
    as_json: bool,
) -> None:
    """Read REQUEST in words, then approve (or refuse) exactly that.

    REQUEST is an id that the server knows, or the file of a signed request
    (request.json in the job's folder); with a file and -o no server is needed. With
    --json nobody is asked: say --yes or --digest.
    """
    from overt.cli.asked import words
    from overt.cli.founding import read_programme
    from overt.protocol.consent import document_digest
    from overt.protocol.grants import Approval, verify_request

    if refuse and not reason:
        raise UsageError("A refusal needs a reason.", remedy="Add --reason.")
    if as_json and not (yes or digest):
        raise UsageError(
            "With --json nobody is asked.", remedy="Add --yes or --digest."
        )
    check_server_or_file(server, output)
    if output is not None:
        check_output(output)
    _, _, programme = read_programme(folder)
    key = open_key(key_file, read_passphrase(passphrase_file, what=key_file.name))
    document = _document(request, server, key)
    asked, seen = verify_request(document, programme), document_digest(document)
    _check_same(asked, seen, request, digest)
    if not as_json:
        click.echo(words(asked, programme, seen, now_utc_s=int(time.time())))
    _check_grantable(asked, programme, refuse=refuse)
    verb = "refuse" if refuse else "approve"
    if not (yes or as_json):
        click.confirm(f"Do you, {name}, {verb} exactly this?", abort=True, err=True)
    given = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    decision = Approval(seen, name, verb, reason, given)  # type: ignore[arg-type] # one of two literals
    signed = _sign(decision, key, programme)
    facts = {"request": asked.request, "digest": seen, "decision": verb}
    _hand_in(signed, facts, key, server, output, as_json=as_json)


def _document(request: str, server: str, key: Ed25519PrivateKey) -> Json:
    """Return the signed request from its file, or from the server by its id."""
    from overt.cli.calling import Caller

    if Path(request).is_file():
        return read_json(Path(request), what="The request")
    if not server:
        raise UsageError(
            f"There is no file {request}.", remedy="Give --server to ask for an id."
        )
    for item in _requests(Caller(server, key).send):
        if item.get("request") == request and isinstance(item.get("document"), dict):
            document: Json = item["document"]
            return document
    raise VaultError(
        f"There is no request {request}.", remedy="See: overt access list."
    )


def _check_same(
    asked: AccessRequest, seen: str, request: str, digest: str | None
) -> None:
    """Check that the document is the one that was meant.

    Raises:
        GovernError: Another request, or another digest than was told.
    """
    if not Path(request).is_file() and asked.request != request:
        raise GovernError(f"The server shows {asked.request} in place of {request}.")
    if digest is not None and digest.strip().lower() != seen:
        raise GovernError(
            f"The request has the digest {seen}, not the one that you gave.",
            remedy="It changed, or it is another one. Read it afresh.",
        )


def _check_grantable(
    asked: AccessRequest, programme: Programme, *, refuse: bool
) -> None:
    from overt.protocol.grants import request_problems

    for problem in () if refuse else request_problems(asked, programme):
        raise GovernError(
            f"It can never be granted: {problem}", remedy="Refuse it: --refuse."
        )


def _sign(decision: Approval, key: Ed25519PrivateKey, programme: Programme) -> Json:
    """Return the signed decision, checked as the vault will check it."""
    from overt.protocol.grants import sign_approval, verify_approval

    signed = sign_approval(decision, key)
    verify_approval(signed, programme)
    return signed


def _hand_in(
    signed: Json,
    facts: dict[str, str],
    key: Ed25519PrivateKey,
    server: str,
    output: Path | None,
    *,
    as_json: bool,
) -> None:
    from overt.cli.calling import Caller
    from overt.protocol import routes

    if output is not None:
        write_json(output, signed)
        text = f"{output} holds the signed decision; hand it in on the server's page."
        emit(facts | {"file": str(output)}, text, as_json=as_json)
        return
    target = f"{routes.REQUESTS}/{facts['request']}/approvals"
    answer = Caller(server, key).send("POST", target, signed)
    text = f"Your decision is on record; the request is {plain(str(answer['state']))}."
    emit(facts | answer, text, as_json=as_json)
