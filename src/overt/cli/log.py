"""`overt log verify`: check the transparency log from its files alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from overt.cli.options import FILE, FOLDER, folder_option
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import DataError, SealError, VaultError

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def log() -> None:
    """Check who read what."""


@log.command(epilog=exit_codes(SealError, VaultError, DataError))
@click.argument("log_folder", type=FOLDER)
@folder_option
@click.option(
    "--seen",
    type=FILE,
    multiple=True,
    help="A checkpoint of the log kept earlier, or by somebody else. Several.",
)
@json_option
def verify(
    log_folder: Path, folder: Path, seen: tuple[Path, ...], as_json: bool
) -> None:
    """Rebuild the tree in LOG_FOLDER from its tiles; compare with the signed root.

    The programme names the key that signs it, and the witnesses whose cosigned head it
    has to continue, like each head of --seen. Ends with exit code 5 if anything does
    not hold.
    """
    from overt.cli.founding import read_programme
    from overt.vault.log.verify import verify as verify_folder

    _, _, programme = read_programme(folder)
    report = verify_folder(
        log_folder,
        programme.service_key("log"),
        witnesses=programme.witnesses,
        seen={str(file): file.read_bytes() for file in seen},
    )
    emit(asdict(report) | {"ok": report.ok}, as_json=as_json)
    if not report.ok:
        raise SealError(f"The log does not hold: {report.problems[0]}")


@log.command(epilog=exit_codes(SealError, DataError))
@folder_option
@json_option
def key(folder: Path, as_json: bool) -> None:
    """Print the log's key, as witnesses and other verifiers take it."""
    from overt.cli.founding import read_programme
    from overt.protocol.tlog import verifier_key

    _, _, programme = read_programme(folder)
    origin = f"overt/{programme.programme}"
    text = verifier_key(origin, programme.service_key("log"))
    emit({"key": text}, text, as_json=as_json)
