"""`overt consent`: read the notice, decide, withdraw, keep receipts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option, person
from overt.protocol.errors import (
    ConsentError,
    DataError,
    GovernError,
    NetworkError,
    SealError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.programme import Programme

_EXITS = exit_codes(
    ConsentError, SealError, VaultError, GovernError, DataError, NetworkError
)


@click.group()
def consent() -> None:
    """Read the notice, decide per purpose and data type, withdraw."""


@consent.command(epilog=_EXITS)
@json_option
def show(*, as_json: bool) -> None:
    """Show the notice, what you are asked for, and what you decided."""
    from overt.recorder.person.consenting import standing
    from overt.recorder.person.identity import public_halves

    here = person()
    now = standing(here.home, public_halves(here.home).device)
    programme = here.programme
    facts: dict[str, Any] = {
        "programme": programme.programme,
        "version": programme.version,
        "title": programme.title,
        "controller": programme.controller,
        "notice": asdict(programme.notice),
        "purposes": [asdict(purpose) for purpose in programme.purposes],
        "data_types": list(programme.data_types),
        "allow": [asdict(rule) for rule in programme.allow],
        "retention_days": programme.retention_days,
        "regions": list(programme.regions),
        "dpia": asdict(programme.dpia),
        "consent": asdict(now.consent) if now.consent else None,
        "withdrawn": now.withdrawn,
    }
    emit(facts, _notice_text(programme) + "\n\n" + _decided(facts), as_json=as_json)


def _notice_text(programme: Programme) -> str:
    rules = [
        f"  {rule.app} {rule.url or rule.title} ({rule.level.value})".rstrip()
        for rule in programme.allow
    ]
    purposes = [f"  {one.id}: {one.title}. {one.text}" for one in programme.purposes]
    lines = [
        f"{programme.title} - {programme.controller}",
        f"Notice, version {programme.notice.version}:",
        programme.notice.text.strip(),
        "",
        "Purposes, each of which you may refuse:",
        *purposes,
        f"Data types: {', '.join(programme.data_types)}",
        "Recorded, and nothing else:",
        *rules,
        f"Kept for {programme.retention_days} days, in {', '.join(programme.regions)}.",
        f"Assessed in {programme.dpia.reference} ({programme.dpia.date}).",
    ]
    return "\n".join(lines)


def _decided(facts: dict[str, Any]) -> str:
    if facts["withdrawn"]:
        return "You have withdrawn."
    record = facts["consent"]
    if record is None:
        return "You have not consented. To consent: overt consent give --purpose NAME"
    agreed = [name for name, yes in record["purposes"].items() if yes]
    kinds = [name for name, yes in record["data_types"].items() if yes]
    what = f"{', '.join(agreed)} with {', '.join(kinds)}"
    return f"You agreed on {record['given_utc']} to {what}."


@consent.command(epilog=_EXITS)
@click.option("--purpose", "purposes", multiple=True, help="A purpose; repeatable.")
@click.option(
    "--data-type",
    "data_types",
    multiple=True,
    help="input, screen or context; repeatable. Without it you are asked.",
)
@click.option("--yes", is_flag=True, help="You have read the notice; do not ask again.")
@passphrase_option
@json_option
def give(
    purposes: tuple[str, ...],
    data_types: tuple[str, ...],
    passphrase_file: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Consent to the purposes and data types that you name, and to no other.

    Without names you are asked about each; the answer is no unless you say yes.
    """
    from overt.recorder.person import consenting

    here = person()
    if not yes:
        click.echo(_notice_text(here.programme), err=True)
    known = [purpose.id for purpose in here.programme.purposes]
    purposes = purposes or _ask("Agree to purpose", known, yes=yes)
    data_types = data_types or _ask("Record", list(here.programme.data_types), yes=yes)
    record = consenting.make_record(
        here.programme, here.enrolment, purposes=purposes, data_types=data_types
    )
    identity = here.unlock(passphrase_file)
    with here.client(identity) as client:
        receipt = consenting.give(
            here.home, identity.device, here.programme, record, client
        )
    facts = {"record": record.record, "consent": asdict(record), "receipt": receipt}
    text = f"Consent {record.record} is on record; you have its receipt."
    emit(facts, text, as_json=as_json)


def _ask(question: str, names: list[str], *, yes: bool) -> tuple[str, ...]:
    """Ask about each name; `--yes` alone agrees to nothing."""
    if yes:
        return ()
    return tuple(
        name for name in names if click.confirm(f"{question} {name}?", err=True)
    )


@consent.command(epilog=_EXITS)
@click.option("--erase", is_flag=True, help="Have what was sent erased as well.")
@passphrase_option
@json_option
def withdraw(passphrase_file: Path | None, *, erase: bool, as_json: bool) -> None:
    """Withdraw: recording ends at once, and reading of what was sent.

    It holds on this machine even while the server is away (exit code 9); run it
    again then to have it confirmed.
    """
    from overt.recorder.person import consenting

    here = person()
    identity = here.unlock(passphrase_file)
    withdrawal = consenting.withdraw(here.home, identity.device, erase=erase)
    with here.client(identity) as client:
        receipt = consenting.confirm_withdrawal(here.home, here.programme, client)
    facts = {"withdrawal": asdict(withdrawal), "receipt": receipt}
    emit(facts, "You have withdrawn; the server has confirmed it.", as_json=as_json)


@consent.command(epilog=_EXITS)
@json_option
def receipt(*, as_json: bool) -> None:
    """List the receipts that you keep, each verified."""
    from overt.recorder.person.receipts import verified_receipts

    here = person()
    receipts = [asdict(one) for one in verified_receipts(here.home, here.programme)]
    lines = [f"{one['day']} {one['kind']} {one['subject']}" for one in receipts]
    emit({"receipts": receipts}, "\n".join(lines) or "No receipts.", as_json=as_json)
