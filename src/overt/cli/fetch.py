"""`overt fetch`: what you sent and is not here any more, back from the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option, person
from overt.protocol.errors import (
    CaptureError,
    ConsentError,
    DataError,
    GovernError,
    NetworkError,
    SealError,
    UsageError,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    epilog=exit_codes(
        ConsentError, CaptureError, SealError, GovernError, DataError, NetworkError
    )
)
@click.option("--from", "since", type=_DAY, help="Sent on this UTC day or later.")
@click.option("--until", type=_DAY, help="Sent on this UTC day or before.")
@click.option("--list", "listed", is_flag=True, help="Say what would come; fetch none.")
@click.option("--person", "pseudonym", help="With --recorded-by: its pseudonym.")
@click.option("--recorded-by", help="All of a lost device, by a recovery of yours.")
@passphrase_option
@json_option
def fetch(
    since: datetime | None,
    until: datetime | None,
    pseudonym: str | None,
    recorded_by: str | None,
    passphrase_file: Path | None,
    *,
    listed: bool,
    as_json: bool,
) -> None:
    """Fetch back what this device sent and is not here any more.

    It comes sealed to your own key and lies with your recordings: `overt my` plays it,
    `overt export` writes it. Each minute is a read on the vault's log, which
    `overt who-read` shows as yours. While the programme is halted the vault gives
    nothing back (exit code 7).

    What a lost device sent comes with --recorded-by, seven days after the notice of
    your recovery: overt recovery ask.
    """
    from overt.recorder.person.fetching import Fetcher

    here = person()
    identity = here.unlock(passphrase_file)
    with here.client(identity) as client:
        fetcher = Fetcher(here.home, identity, here.enrolment, client)
        if recorded_by:
            _check_lost(listed=listed, days=bool(since or until))
            whose = pseudonym or here.enrolment.person
            came = list(fetcher.recover(whose, recorded_by))
            missing = []
        else:
            missing = fetcher.missing(since and since.date(), until and until.date())
            came = [] if listed else list(fetcher.fetch(missing))
    size_bytes = sum(one.size_bytes for one in missing)
    text = (
        f"{len(missing)} segments are in the vault and not here ({size_bytes} bytes)."
        if listed
        else f"{len(came)} segments fetched. Look at them: overt my"
    )
    names = [one.segment for one in missing]
    emit({"missing": names, "fetched": came}, text, as_json=as_json)


def _check_lost(*, listed: bool, days: bool) -> None:
    if listed or days:
        raise UsageError(
            "Of a lost device everything comes.",
            remedy="Leave --list, --from and --until away.",
        )
