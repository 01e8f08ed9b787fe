"""`overt console open`: a one-time code for the server's pages."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import click

from overt.cli.access import FOLDER, caller_options, open_caller
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import GovernError, NetworkError

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def console() -> None:
    """Open the server's pages. They never show recorded content."""


@console.command("open", epilog=exit_codes(GovernError, NetworkError))
@caller_options
@click.option("--folder", type=FOLDER, required=True, help="The programme's folder.")
@click.option("--name", required=True, help="Your name on the roster.")
@json_option
def open_(
    server: str,
    key_file: Path,
    passphrase_file: Path | None,
    folder: Path,
    name: str,
    as_json: bool,
) -> None:
    """Log in with your key; prints the address of the page and a one-time code."""
    from overt.cli.programme import read_programme
    from overt.console.login import Login, sign_login

    _, _, programme = read_programme(folder)
    caller, key = open_caller(server, key_file, passphrase_file)
    login = Login(
        programme.programme, name, secrets.token_urlsafe(16), int(time.time())
    )
    answer = caller.send("POST", "/console/login", sign_login(login, key))
    page = server.rstrip("/") + str(answer["enter"])
    text = f"Open {page}\nand give this code, good once: {answer['token']}"
    emit({"page": page, **answer}, text, as_json=as_json)
