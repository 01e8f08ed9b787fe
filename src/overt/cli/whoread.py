"""`overt who-read`: who read what of mine, proved by the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.output import emit, exit_codes, json_option, plain
from overt.cli.participant import passphrase_option, person
from overt.protocol.errors import ConsentError, DataError, NetworkError, SealError

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.canonical import Json
    from overt.recorder.person.readers import Readers


@click.command(
    "who-read", epilog=exit_codes(ConsentError, SealError, DataError, NetworkError)
)
@passphrase_option
@json_option
def who_read(passphrase_file: Path | None, as_json: bool) -> None:
    """Say who read what of yours, each read proved by the vault's log.

    This machine keeps the last head of the log that it saw. A log that was rolled back
    or forked since ends with exit code 5, and the head is kept as evidence.
    """
    from overt.recorder.person.readers import look, notices, told

    here = person()
    identity = here.unlock(passphrase_file)
    with here.client(identity) as client:
        halt = told(here.programme, client)
        found = look(here.home, here.programme, here.enrolment.person, client)
    head = found.watched.head
    body = {
        "halt": halt,
        "reads": found.reads,
        "other_entries": found.others,
        "recoveries": found.recoveries,
        "head": {"size": head.size, "root": head.root.hex()},
        "cosigned": found.watched.cosigned_s,
    }
    told_of = [plain(line) for line in notices(found)]
    emit(body, "\n".join([*told_of, _text(found, halt)]), as_json=as_json)


def _text(found: Readers, halt: Json) -> str:
    lines = [_halt_text(halt)] if halt["halted"] is not False else []
    lines += [_line(read) for read in found.reads]
    if not found.reads:
        lines.append("Nobody has read your recordings.")
    lines.append(
        f"Proved by a log of {found.watched.head.size} entries that extends all that"
        " this machine has seen."
    )
    names = ", ".join(found.watched.cosigned_s)
    lines.append(f"Cosigned by: {plain(names)}." if names else "No outside witness.")
    return "\n".join(lines)


def _line(read: Json) -> str:
    from overt.protocol.programme import OWN_PURPOSE

    what = read["segment"] or read["derived"]
    who = f"{read['requester']} for {read['purpose']}:"
    if read["purpose"] == OWN_PURPOSE:
        who = f"yourself, on your device {read['requester']}:"
    parts = (read["day"], who, what)
    late = "" if read["witnessed"] else " (not cosigned yet)"
    return plain(" ".join(parts)) + late


def _halt_text(halt: Json) -> str:
    if halt["halted"] is None:
        return f"Whether the programme is halted is unknown: {plain(halt['why'])}"
    parts = [f"The programme is halted: {plain(halt['why'])}"]
    if halt["could_read"]:
        parts.append(f"Who could read: {plain(halt['could_read'])}")
    if halt["next_word_utc"]:
        parts.append(f"You hear more at {plain(halt['next_word_utc'])}.")
    return "\n".join(parts)
