"""What members' commands ask for alike: server, key, programme, name.

Input: options. Output: paths and addresses; a caller who signs. Whatever a command
asks for here means the same everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from overt.cli.members import open_key, read_passphrase
from overt.protocol.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.cli.calling import Caller

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)

_SERVER_HELP = "Base URL of the vault."
server_option = click.option(
    "--server",
    envvar="OVERT_SERVER",
    show_envvar=True,
    required=True,
    help=_SERVER_HELP,
)
# where `-o` writes a file instead of sending
server_or_file = click.option(
    "--server",
    envvar="OVERT_SERVER",
    show_envvar=True,
    default="",
    help=f"{_SERVER_HELP[:-1]}; needed unless -o is given.",
)
broker_option = click.option(
    "--broker",
    envvar="OVERT_BROKER",
    show_envvar=True,
    required=True,
    help="Base URL of the broker.",
)
key_option = click.option(
    "--as", "key_file", type=FILE, required=True, help="Your key file."
)
folder_option = click.option(
    "--folder",
    type=FOLDER,
    required=True,
    help="The programme's folder, from `overt programme create`.",
)
name_option = click.option("--name", required=True, help="Your name on the roster.")


job_option = click.option(
    "--job",
    type=FOLDER,
    required=True,
    help="The job's folder, from `overt access request`.",
)


def maker_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what is needed to make and open what is derived: job, key, both servers."""
    for option in (broker_option, server_option, key_option, job_option):
        command = option(command)
    return command


def open_caller(
    server: str, key_file: Path, passphrase_file: Path | None
) -> tuple[Caller, Ed25519PrivateKey]:
    """Return who calls, and their key.

    Raises:
        UsageError: The address may not be called, or the key file cannot be read.
        SealError: The passphrase is wrong.
        DataError: The key file is malformed.
    """
    from overt.cli.calling import Caller

    key = open_key(key_file, read_passphrase(passphrase_file, what=key_file.name))
    return Caller(server, key), key


def check_server_or_file(server: str, output: Path | None) -> None:
    """Check that what is signed has somewhere to go.

    Raises:
        UsageError: Neither a server nor a file is named.
    """
    if not server and output is None:
        raise UsageError(
            "Where should it go?",
            remedy="Give --server URL, or -o FILE to hand it in by another way.",
        )
