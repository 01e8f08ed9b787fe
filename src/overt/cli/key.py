"""`overt key`: the keys of members and of programme key holders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.members import check_new, make_key, read_passphrase
from overt.cli.options import NEW_FILE
from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def key() -> None:
    """Make and show the keys of stewards, approvers, researchers and others."""


@key.command(epilog=exit_codes())
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=NEW_FILE,
    required=True,
    help="The key file to write (mode 0600).",
)
@passphrase_option
@json_option
def new(name: str, output: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Make a signing key for NAME, kept under a passphrase.

    Only the public half leaves this machine: put it into the programme's roster.
    """
    check_new(output)
    passphrase = read_passphrase(passphrase_file, what=f"{name}'s key", confirm=True)
    about = make_key(name, output, passphrase)
    emit(about, f"{output}\npublic: {about['public']}", as_json=as_json)
