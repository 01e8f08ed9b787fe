"""`overt autostart|keyring|uninstall`: overt in the participant's account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import ask_passphrase, own_home, passphrase_option, person
from overt.protocol.errors import CaptureError, ConsentError, SealError

if TYPE_CHECKING:
    from pathlib import Path

_SWITCH = click.argument("switch", type=click.Choice(["on", "off"]))
_STOP_S = 20.0


@click.command(epilog=exit_codes(ConsentError, CaptureError))
@_SWITCH
@json_option
def autostart(switch: str, *, as_json: bool) -> None:
    """Be asked at log-in whether to record (on), or not any more (off).

    It is a systemd unit of your own. Nothing is recorded before you unlock.
    """
    from overt.recorder.person import autostart as starting

    folder = starting.unit_folder()
    if switch == "off":
        was_on = starting.switch_off(folder)
        text = "You are not asked at log-in any more." if was_on else "It was off."
        emit({"autostart": False}, text, as_json=as_json)
        return
    path = starting.switch_on(person().home, folder)
    text = f"At log-in you are asked whether to record ({path})."
    emit({"autostart": True, "unit": str(path)}, text, as_json=as_json)


@click.command(epilog=exit_codes(ConsentError, SealError))
@_SWITCH
@passphrase_option
@json_option
def keyring(switch: str, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Keep your passphrase in your desktop's keyring (on), or take it out (off).

    Kept there, your log-in unlocks your recordings: so can who uses your open session.
    """
    from overt.recorder.person import keychain
    from overt.recorder.person.identity import unlock

    here = person()
    if switch == "off":
        was_on = keychain.drop_passphrase(here.enrolment.device)
        text = "The keyring does not have it any more." if was_on else "It was off."
        emit({"keyring": False}, text, as_json=as_json)
        return
    passphrase = ask_passphrase(passphrase_file)
    unlock(here.home, passphrase)
    keychain.keep_passphrase(here.enrolment.device, passphrase)
    text = "The keyring of your desktop unlocks your keys from now on."
    emit({"keyring": True}, text, as_json=as_json)


@click.command(epilog=exit_codes(CaptureError))
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def uninstall(*, yes: bool, as_json: bool) -> None:
    """Destroy everything of overt in your account: recordings, keys, papers, autostart.

    What you sent stays at the server: withdraw first, with `--erase` to have it erased
    (`overt consent withdraw --erase`). The program itself goes the way it came:
    `pipx uninstall overt`, `uv tool uninstall overt` or `apt remove overt`.
    """
    from overt.recorder.person.autostart import remove_all, unit_folder
    from overt.recorder.person.control import ControlClient, recorded_displays
    from overt.recorder.person.enrol import load_enrolment
    from overt.recorder.person.keychain import drop_passphrase

    home = own_home()
    if not yes:
        click.confirm(
            f"Destroy {home.root} with your keys and all recordings here?", abort=True
        )
    for display in recorded_displays(home):
        ControlClient(home, display).call("stop")
    deadline = time.monotonic() + _STOP_S
    while recorded_displays(home):
        if time.monotonic() > deadline:
            raise CaptureError(
                "A recorder does not stop.", remedy="End it, then again."
            )
        time.sleep(0.1)
    if home.enrolment.exists():
        drop_passphrase(load_enrolment(home).device)
    remove_all(home, unit_folder())
    emit({"removed": str(home.root)}, f"{home.root} is gone.", as_json=as_json)
