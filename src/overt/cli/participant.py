"""What the participant's commands share: home, keys, programme, vault, display.

Input: options and the environment. Output: the parts of `overt.recorder.person`, put
together. A passphrase comes from a prompt or a private file, never from an argument.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from overt.protocol.programme import Programme
    from overt.recorder.person.control import ControlClient
    from overt.recorder.person.enrol import Enrolment
    from overt.recorder.person.home import Home
    from overt.recorder.person.identity import Identity
    from overt.recorder.person.vault_client import VaultClient


def passphrase_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--passphrase-file`."""
    option = click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="OVERT_PASSPHRASE_FILE",
        show_envvar=True,
        help="File (mode 0600) whose first line unlocks your keys; else you are asked.",
    )
    return option(command)


def display_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--display`."""
    option = click.option(
        "--display",
        envvar="DISPLAY",
        show_envvar=True,
        default="",
        help="The X display, for example :0.",
    )
    return option(command)


def ask_passphrase(path: Path | None, *, new: bool = False) -> str:
    """Return the passphrase from a file, or ask for it."""
    from overt.recorder.person.identity import read_passphrase

    if path is not None:
        return read_passphrase(path)
    answer: str = click.prompt(
        "New passphrase for your keys" if new else "Passphrase",
        hide_input=True,
        confirmation_prompt=new,
        err=True,
    )
    return answer


@dataclass(frozen=True, slots=True)
class Person:
    """An enrolled participant on this machine.

    Attributes:
        home: Their home.
        enrolment: What the device has pinned.
        programme: The newest programme seen.
    """

    home: Home
    enrolment: Enrolment
    programme: Programme

    def unlock(self, path: Path | None) -> Identity:
        """Open the keys: the passphrase is in a file, the keyring, or asked for."""
        from overt.recorder.person.hardening import harden
        from overt.recorder.person.identity import unlock
        from overt.recorder.person.keychain import kept_passphrase

        harden()
        if path is None and (kept := kept_passphrase(self.enrolment.device)):
            return unlock(self.home, kept)
        return unlock(self.home, ask_passphrase(path))

    def client(self, identity: Identity) -> VaultClient:
        """Return a client that signs its calls with the device key."""
        from overt.recorder.person.vault_client import VaultClient

        return VaultClient(self.enrolment.server, identity.device)


def person() -> Person:
    """Return who is enrolled on this machine.

    Raises:
        ConsentError: Nobody is.
    """
    from overt.recorder.person.enrol import load_enrolment, load_programme

    home = own_home()
    enrolment = load_enrolment(home)
    return Person(home, enrolment, load_programme(home, enrolment))


def own_home() -> Home:
    """Return the home that the environment names."""
    from overt.recorder.person.home import Home

    return Home.default(os.environ)


def recorder(display: str, *, timeout_s: float = 5.0) -> ControlClient:
    """Return the client of a display's recorder."""
    from overt.recorder.person.control import ControlClient

    return ControlClient(own_home(), display, timeout_s=timeout_s)


def warn(here: Person, client: VaultClient) -> None:
    """Tell, on standard error, of a new key that asks for this person's recordings."""
    from overt.cli.output import plain
    from overt.recorder.person.readers import warnings

    whose = here.home, here.programme, here.enrolment.person
    for line in warnings(*whose, client) or []:
        click.echo(plain(line), err=True)
