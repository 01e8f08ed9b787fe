"""`overt release`: what a grant releases, as a file that only the job opens."""

from __future__ import annotations

import os
from pathlib import Path

import click

from overt.cli.access import caller_options, open_caller
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import DataError, GovernError, NetworkError


@click.command(epilog=exit_codes(GovernError, NetworkError, DataError))
@caller_options
@click.option(
    "--broker", envvar="OVERT_BROKER", required=True, help="URL of the broker."
)
@click.option(
    "--job",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The job's folder, from `overt access request`.",
)
@json_option
def release(
    server: str,
    key_file: Path,
    passphrase_file: Path | None,
    broker: str,
    job: Path,
    as_json: bool,
) -> None:
    """Fetch the segments of an approved request. Each read is logged."""
    from overt.cli.jobs import RELEASE
    from overt.cli.members import read_json
    from overt.protocol import routes
    from overt.protocol.canonical import parse_json, unb64
    from overt.protocol.release import read_release

    document = read_json(job / "request.json", what="The request")
    payload = unb64(str(document.get("payload", "")), what="the request")
    body = parse_json(payload, what="The request")
    caller, _ = open_caller(broker, key_file, passphrase_file)
    partial = job / (RELEASE + ".part")
    size = 0
    with os.fdopen(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
    ) as file:
        for chunk in caller.stream(
            "POST", routes.RELEASES, {"request": body["request"]}
        ):
            size += file.write(chunk)
    try:
        header, parts = read_release(partial.read_bytes())
    except DataError:
        partial.unlink()
        raise
    partial.replace(job / RELEASE)
    emit(
        {
            "release": header.release,
            "segments": len(parts),
            "size_bytes": size,
            "expires_utc_s": header.expires_utc_s,
            "server": server,
        },
        as_json=as_json,
    )
