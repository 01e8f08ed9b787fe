"""`overt console open`: the address of the server's pages, with a one-time code."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import click

from overt.cli.options import (
    folder_option,
    key_option,
    name_option,
    open_caller,
    server_option,
)
from overt.cli.output import emit, exit_codes, json_option, plain
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


@click.group()
def console() -> None:
    """Open the server's pages. They never show recorded content."""


@console.command(
    "open",
    epilog=exit_codes(SealError, DataError, VaultError, GovernError, NetworkError),
)
@server_option
@key_option
@passphrase_option
@folder_option
@name_option
@json_option
def open_(
    server: str,
    key_file: Path,
    passphrase_file: Path | None,
    folder: Path,
    name: str,
    as_json: bool,
) -> None:
    """Log in with your key; prints an address that opens the pages once.

    The code stands behind the #: browsers keep that part to themselves, and the page
    takes it out of the address. It is good for a minute.
    """
    from overt.cli.founding import read_programme
    from overt.console.login import Login, sign_login

    _, _, programme = read_programme(folder)
    caller, key = open_caller(server, key_file, passphrase_file)
    login = Login(
        programme.programme, name, secrets.token_urlsafe(16), int(time.time())
    )
    answer = caller.send("POST", "/console/login", sign_login(login, key))
    page = server.rstrip("/") + str(answer.get("enter"))
    url = f"{page}#{answer.get('token')}"
    emit({"url": url, "page": page, **answer}, plain(url), as_json=as_json)
