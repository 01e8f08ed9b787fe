"""`overt release`: what a grant releases, as a file that only the job opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.files import whole_file
from overt.cli.options import FOLDER, broker_option, key_option, open_caller
from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    SealError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from overt.cli.calling import Caller
    from overt.protocol.release import ReleaseHeader


@click.command(
    epilog=exit_codes(SealError, VaultError, GovernError, DataError, NetworkError)
)
@broker_option
@key_option
@passphrase_option
@click.option(
    "--job",
    type=FOLDER,
    required=True,
    help="The job's folder, from `overt access request`.",
)
@json_option
def release(
    key_file: Path,
    passphrase_file: Path | None,
    broker: str,
    job: Path,
    as_json: bool,
) -> None:
    """Fetch the segments of an approved request. Each read is logged.

    A release that breaks off is refused whole; an earlier one of the job stays.
    """
    from overt.cli.jobs import RELEASE, read_request

    request = str(read_request(job).get("request", ""))
    caller, _ = open_caller(broker, key_file, passphrase_file)
    with whole_file(job / RELEASE) as file:
        data = _fetch(caller, request)
        header, count = _check(data)
        file.write(data)
    emit(
        {
            "release": header.release,
            "segments": count,
            "size_bytes": len(data),
            "expires_utc_s": header.expires_utc_s,
        },
        as_json=as_json,
    )


def _fetch(caller: Caller, request: str) -> bytes:
    from overt.protocol import routes
    from overt.protocol.release import VERSION

    body = {"request": request, "version": VERSION}
    return b"".join(caller.stream("POST", routes.RELEASES, body))


def _check(data: bytes) -> tuple[ReleaseHeader, int]:
    from overt.protocol.release import read_release

    header, parts = read_release(data)
    return header, len(parts)
