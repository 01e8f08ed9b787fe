"""Starting at log-in, by the participant's own word alone, and leaving without a trace.

Input: the participant's command. Output: a systemd user unit of theirs, which opens a
window that asks them to unlock; or nothing left of overt in their account. No installer
and no administrator's file does this; nothing is recorded before the owner unlocks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError, UsageError
from overt.recorder.spool import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overt.recorder.person.home import Home

_NAME = "overt.service"
_TARGET = "graphical-session.target"
_UNIT = """\
# Made by `overt autostart on`; `overt autostart off` removes it.
[Unit]
Description=overt: asks its owner before it records
PartOf={target}
After={target}

[Service]
ExecStart={command}
{environment}LimitCORE=0
Restart=no

[Install]
WantedBy={target}
"""


def unit_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where systemd looks for this user's own units."""
    config = environment.get("XDG_CONFIG_HOME")
    base = Path(config) if config else Path.home() / ".config"
    return base / "systemd" / "user"


def unit_text(home: Home) -> str:
    """Return the unit: `overt record`, asking for the unlocking in a window."""
    command = [sys.executable, "-m", "overt.cli", "record", "--window"]
    values = {"OVERT_HOME": str(home.root)}
    if path := os.environ.get("PYTHONPATH"):
        values["PYTHONPATH"] = path
    environment = "".join(
        f"Environment={_quoted(f'{name}={value}')}\n" for name, value in values.items()
    )
    return _UNIT.format(
        target=_TARGET, command=" ".join(map(_quoted, command)), environment=environment
    )


def _quoted(word: str) -> str:
    """Quote a word for a unit file (systemd.syntax, specifiers doubled)."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{safe}"'


def is_on(folder: Path) -> bool:
    """Whether overt starts at log-in."""
    return (folder / f"{_TARGET}.wants" / _NAME).is_symlink()


def switch_on(home: Home, folder: Path) -> Path:
    """Start at log-in from now on; return the unit's path.

    Raises:
        UsageError: The folder cannot be written.
    """
    wants = folder / f"{_TARGET}.wants"
    try:
        wants.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from error
    write_private(folder / _NAME, unit_text(home).encode())
    with contextlib.suppress(FileExistsError):
        (wants / _NAME).symlink_to(folder / _NAME)
    _reload()
    return folder / _NAME


def switch_off(folder: Path) -> bool:
    """Do not start at log-in any more; whether it did."""
    was_on = is_on(folder)
    for path in (folder / f"{_TARGET}.wants" / _NAME, folder / _NAME):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        (folder / f"{_TARGET}.wants").rmdir()
    _reload()
    return was_on


def _reload() -> None:
    """Have a systemd that runs look again; without one there is nothing to do."""
    if (systemctl := shutil.which("systemctl")) is not None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                [systemctl, "--user", "daemon-reload"],
                capture_output=True,
                timeout=10,
                check=False,
            )


def remove_all(home: Home, folder: Path) -> None:
    """Destroy everything of overt in this account: keys first, then the rest.

    Call it with no recorder of this home alive.
    """
    switch_off(folder)
    if not home.root.exists():
        return
    for path in home.spool.folder.glob("seg_*.ovsp"):
        with contextlib.suppress(DataError):
            home.forget(path.stem)
    _overwrite(home.keys)
    shutil.rmtree(home.root)


def _overwrite(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open("r+b", buffering=0) as file:
        file.write(os.urandom(path.stat().st_size))
        os.fsync(file.fileno())
