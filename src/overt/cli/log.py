"""`overt log verify`: check the transparency log from its files alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import SealError, VaultError


@click.group()
def log() -> None:
    """Check who read what."""


@log.command(epilog=exit_codes(SealError, VaultError))
@click.argument(
    "log_folder", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The programme's folder; it names the log's key.",
)
@json_option
def verify(log_folder: Path, folder: Path, as_json: bool) -> None:
    """Rebuild the tree in LOG_FOLDER from its tiles; compare with the signed root."""
    from overt.cli.programme import read_programme
    from overt.vault.log.verify import verify as verify_folder

    _, _, programme = read_programme(folder)
    report = verify_folder(log_folder, programme.service_key("log"))
    emit(asdict(report) | {"ok": report.ok}, as_json=as_json)
    if not report.ok:
        raise SealError(f"The log does not hold: {report.problems[0]}")
