"""Where a participant's keys, papers and recordings lie on their own machine.

Input: the environment. Output: paths. The folder has mode 0700 and its files 0600;
nothing that lies here in clear is content. Never touches a network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.errors import UsageError
from overt.recorder.spool import Spool, write_private

if TYPE_CHECKING:
    from collections.abc import Mapping


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return `$OVERT_HOME`, else `$XDG_DATA_HOME/overt`, else ~/.local/share/overt."""
    if own := environment.get("OVERT_HOME"):
        return Path(own)
    data = environment.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "overt"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one participant on one machine.

    Attributes:
        root: The folder itself.
    """

    root: Path

    @classmethod
    def default(cls, environment: Mapping[str, str] = os.environ) -> Home:
        """Return the home that the environment names; nothing is created."""
        return cls(home_folder(environment))

    @property
    def keys(self) -> Path:
        """The participant's sealed keys."""
        return self.root / "keys.json"

    @property
    def enrolment(self) -> Path:
        """The enrolment: pinned anchor, server, pseudonym, receipt."""
        return self.root / "enrolment.json"

    @property
    def enrolling(self) -> Path:
        """An enrolment that was sent and has had no answer yet."""
        return self.root / "enrolling.json"

    @property
    def programme(self) -> Path:
        """The newest signed programme document that was seen."""
        return self.root / "programme.json"

    @property
    def consent(self) -> Path:
        """The consent document in force, with its receipt."""
        return self.root / "consent.json"

    @property
    def withdrawal(self) -> Path:
        """The withdrawal, while there is one."""
        return self.root / "withdrawal.json"

    @property
    def wishes(self) -> Path:
        """What the participant asks of their recorder: never, budgets, times."""
        return self.root / "wishes.json"

    @property
    def receipts(self) -> Path:
        """Folder of every receipt ever given."""
        return self.root / "receipts"

    @property
    def run(self) -> Path:
        """Folder of sockets and locks of what runs now."""
        return self.root / "run"

    @property
    def spool(self) -> Spool:
        """The recordings on this machine."""
        return Spool(self.root / "spool")

    @property
    def outbox(self) -> Path:
        """Folder of segments sealed for the vault and not yet taken in."""
        return self.root / "outbox"

    def forget(self, segment: str) -> None:
        """Destroy a segment, and what was sealed of it for the vault."""
        self.spool.forget(segment)
        for name in (f"{segment}.ovsl", f"{segment}.ovsl.part"):
            (self.outbox / name).unlink(missing_ok=True)

    def prepare(self) -> None:
        """Create the folder and its parts, for their owner alone.

        Raises:
            UsageError: The folder cannot be made or is somebody else's.
        """
        try:
            for folder in (self.root, self.run, self.receipts, self.outbox):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                folder.chmod(0o700)
            self.spool.folder.chmod(0o700)
        except OSError as error:
            raise UsageError(
                f"The folder {self.root} cannot be used: {error.strerror}.",
                remedy="Mend its rights, or set OVERT_HOME to a folder of your own.",
            ) from error

    def problems(self) -> list[str]:
        """Say what others could do with this folder; empty if nothing."""
        if not self.root.exists():
            return []
        found = []
        facts = self.root.stat()
        if facts.st_uid != os.getuid():
            found.append(f"{self.root} belongs to somebody else.")
        if facts.st_mode & 0o077:
            found.append(f"{self.root} is open to others. Run: chmod 700 {self.root}")
        loose = [
            path.name
            for path in self.root.rglob("*")
            if path.is_file() and path.stat().st_mode & 0o077
        ]
        if loose:
            found.append(f"Open to others: {', '.join(sorted(loose)[:5])}. chmod 600.")
        return found


def read_paper(path: Path) -> Json | None:
    """Read one of the home's JSON files; None where there is none.

    Raises:
        DataError: It is not JSON.
        UsageError: It cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read: {error.strerror}.") from error
    return parse_json(data, what=path.name)


def write_paper(path: Path, body: Json) -> None:
    """Write one of the home's JSON files, whole or not at all, mode 0600.

    Raises:
        CaptureError: The disk is full or not writable.
    """
    write_private(path, canonical_bytes(body))
