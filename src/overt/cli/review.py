"""`overt review|send|export`: the participant's say over each piece."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option, person, warn
from overt.protocol.errors import (
    CaptureError,
    ConsentError,
    DataError,
    GovernError,
    NetworkError,
    SealError,
    VaultError,
)

if TYPE_CHECKING:
    from overt.recorder.person.review import Overview
    from overt.recorder.person.sending import Sent


@click.command(epilog=exit_codes(ConsentError, SealError, DataError))
@click.option("--approve", multiple=True, metavar="ID", help="May leave; repeatable.")
@click.option("--discard", multiple=True, metavar="ID", help="Destroy; repeatable.")
@click.option("--approve-all", is_flag=True, help="All that waits may leave.")
@passphrase_option
@json_option
def review(
    approve: tuple[str, ...],
    discard: tuple[str, ...],
    passphrase_file: Path | None,
    *,
    approve_all: bool,
    as_json: bool,
) -> None:
    """List what waits on this machine; approve or discard it.

    ID is a segment, a session or a task. With a screen, `overt my` shows the
    pictures as well.
    """
    from overt.recorder.person import review as reviewing
    from overt.recorder.person.locks import recover_if_idle

    here = person()
    identity = here.unlock(passphrase_file)
    recover_if_idle(here.home, identity.own)
    spool = here.home.spool
    seen = reviewing.overview(spool, identity.own)
    unwanted = reviewing.segments_of(seen, discard, damaged=True)
    gone = reviewing.discard(here.home, unwanted)
    names = [one.segment for one in seen.segments] if approve_all else approve
    chosen = [name for name in reviewing.segments_of(seen, names) if name not in gone]
    approved = reviewing.approve(spool, chosen)
    seen = reviewing.overview(spool, identity.own)
    facts = asdict(seen) | {"approved": approved, "discarded": gone}
    emit(facts, _review_text(seen), as_json=as_json)


def _review_text(seen: Overview) -> str:
    lines = [
        f"{one.segment} {one.state:9} {one.duration_s:6.1f} s {one.events:6} events"
        f" {one.frames:5} frames {one.secrets:3} secrets {one.size_bytes:9} bytes"
        for one in seen.segments
    ]
    lines += [
        f"{one.task} {one.status or 'open':9} {len(one.segments)} segments: {one.text}"
        for one in seen.episodes
    ]
    lines += [
        f"{one.segment} damaged: {one.problem} Discard it: overt review --discard ID"
        for one in seen.unreadable
    ]
    return "\n".join(lines) or "Nothing is recorded here."


@click.command(
    epilog=exit_codes(
        ConsentError, SealError, VaultError, GovernError, DataError, NetworkError
    )
)
@passphrase_option
@json_option
def send(passphrase_file: Path | None, *, as_json: bool) -> None:
    """Seal what you approved and send it; each segment gets a receipt.

    When the server is away (exit code 9), the rest waits; run it again.
    """
    from overt.recorder.person.sending import Sender, send_all

    here = person()
    identity = here.unlock(passphrase_file)
    sent: list[dict[str, Any]] = []

    def tell(one: Sent) -> None:
        sent.append({"segment": one.segment, "receipt": asdict(one.receipt)})
        if not as_json:
            click.echo(f"Sent {one.segment}; receipt {one.receipt.receipt}")

    with here.client(identity) as client:
        warn(here, client)
        sender = Sender(here.home, identity, here.enrolment, here.programme, client)
        count = send_all(sender, tell)
    emit({"sent": sent}, f"{count} segments sent.", as_json=as_json)


@click.command(epilog=exit_codes(ConsentError, CaptureError, SealError, DataError))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="ID", help="Segment, session or task.")
@passphrase_option
@json_option
def export(
    folder: Path, only: tuple[str, ...], passphrase_file: Path | None, *, as_json: bool
) -> None:
    """Write your own recordings into a new FOLDER, in clear.

    events.jsonl has a line per event, frames/ a PNG per screen. Whoever can read the
    folder can read what you did.
    """
    from overt.recorder.person.exporting import export as export_own
    from overt.recorder.person.review import overview, segments_of

    here = person()
    identity = here.unlock(passphrase_file)
    seen = overview(here.home.spool, identity.own)
    chosen = segments_of(seen, only or [one.segment for one in seen.segments])
    counts = export_own(here.home.spool, chosen, identity.own, folder)
    text = (
        f"{counts['events']} events and {counts['frames']} frames of"
        f" {counts['segments']} segments lie in {folder}."
    )
    emit(counts | {"folder": str(folder)}, text, as_json=as_json)
