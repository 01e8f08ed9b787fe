"""A vault on a disk that fails, a process of its own under `faults.c`.

Input: `python -m tests.fakes.failing LIBRARY FOLDER ERRNO STRIDE [careless]`, with the
library preloaded. Each deed is done once to count its writes, then again and again
while every STRIDEth of them fails, alone or with all that follow. Output: the writes of
each deed as JSON; it ends with an error at the first thing that was said and is not
true. `careless` breaks the vault for the test: it takes no notice of a failed object.
"""

from __future__ import annotations

import ctypes
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from overt.protocol import routes
from overt.protocol.consent import sign_consent
from overt.protocol.release import read_parts
from overt.protocol.sealing import sealed_digest
from overt.vault.govern.fsck import Vault, compare
from overt.vault.store.database import Database
from overt.vault.store.objects import open_objects
from overt.vault.store.rows import SegmentRow
from tests.fakes.world import Device, World

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    Deed = Callable[[World], Callable[[], httpx.Response]]

FINE, LATER = 200, 503
_ORPHAN = (
    "belongs to no segment"  # written before its row failed: sealed, never told of
)


class Failing:
    """The disk below a folder."""

    def __init__(self, library: str, folder: Path) -> None:
        self._library = ctypes.CDLL(library)
        self._library.fault_disarm.restype = ctypes.c_long
        self._library.fault_watch(str(folder).encode())
        self.count()

    def arm(self, at: int, code: int, *, lasts: bool) -> None:
        """Let the write after `at` others fail, alone or with all that follow."""
        self._library.fault_arm(ctypes.c_long(at), code, int(lasts))

    def count(self) -> int:
        """Let nothing fail from now on; return how many writes there were."""
        return int(self._library.fault_disarm())


class Vaulted:
    """A vault, what it has acknowledged, and whether that is true."""

    def __init__(self, folder: Path, *, careless: bool) -> None:
        objects = open_objects(f"file://{folder}/objects")
        if careless:
            put = objects.put

            def forgetful(name: str, data: bytes) -> None:
                with suppress(Exception):
                    put(name, data)

            objects.put = forgetful  # type: ignore[method-assign]
        self.world = World(folder, Database(f"sqlite:///{folder}/vault.db"), objects)
        self.stays = self.world.participant(b"first")
        self.request = self.world.granted()
        self.sent: set[str] = set()
        self.came: int | None = None  # segments of the last release
        self.leaving = _ORPHAN  # a segment that is half erased until asked for again

    def restart(self) -> None:
        """Stop and start as after a crash."""
        self.world.stop()
        self.world.database.engine.dispose()
        self.world.start()

    def check(self, *, is_whole: bool = False) -> None:
        """Compare what was acknowledged, what was read and what is there.

        Args:
            is_whole: Whether the disk was sound at the last deed.
        """
        world = self.world
        assert world.kms.unwraps <= world.entries("read") + world.entries("opening")
        if is_whole and self.came is not None:
            assert self.came == len(self.sent) + 1
        with world.database.read() as session:
            for segment in self.sent:
                row = session.get_one(SegmentRow, segment)
                assert sealed_digest(world.objects.get(row.object_name)) == row.sha256
        vault = Vault(
            world.in_force(), world.database, world.objects, world.folder / "log"
        )
        expected = {_ORPHAN} if is_whole else {_ORPHAN, self.leaving}
        found = [
            said
            for said in compare(vault).differences
            if not any(part in said for part in expected)
        ]
        assert not found, found

    # Deeds: made ready on a sound disk, then done, and done again, the same way

    def upload(self, world: World) -> Callable[[], httpx.Response]:
        """Send one more segment."""
        header, data = world.segment(self.stays, b"more")
        self.stays.sent += 1

        def send() -> httpx.Response:
            target = f"{routes.SEGMENTS}/{header.segment}"
            answer = world.call(self.stays, "PUT", target, data)
            if answer.status_code == FINE:
                self.sent.add(header.segment)
            return answer

        return send

    def release(self, world: World) -> Callable[[], httpx.Response]:
        """Read all that was sent; what comes is on the log before."""

        def read() -> httpx.Response:
            before = world.entries("read")
            answer = world.release(self.request)
            self.came = 0
            if answer.status_code == FINE:
                size = int.from_bytes(answer.content[8:12], "little")
                self.came = len(list(read_parts(answer.content, 12 + size)))
            assert self.came <= world.entries("read") - before
            return answer

        return read

    def enrolment(self, world: World) -> Callable[[], httpx.Response]:
        """Enrol a device that was invited."""
        document = json.dumps(world.enrolment(world.invite()))
        return lambda: world.vault.post(routes.ENROL, content=document)

    def consent(self, world: World) -> Callable[[], httpx.Response]:
        """Consent on an enrolled device."""
        device = world.enrol()
        document = sign_consent(world.record(device), device.key)
        return lambda: world.call(device, "POST", routes.CONSENTS, document)

    def registration(self, world: World) -> Callable[[], httpx.Response]:
        """Register what was derived from a release, under a fresh key."""
        derived = world.derive(self.request)
        return lambda: world.register(derived)

    def opening(self, world: World) -> Callable[[], httpx.Response]:
        """Open what was derived: the key comes, and its entry before it."""
        derived = world.derive(self.request)
        assert world.register(derived).status_code == FINE

        def open_it() -> httpx.Response:
            before = world.entries("opening")
            answer = world.open(derived.derived)
            if answer.status_code == FINE:
                assert world.entries("opening") > before
            return answer

        return open_it

    def erasure(self, world: World) -> Callable[[], httpx.Response]:
        """Withdraw and have all erased: the root is made anew for everybody else."""
        leaves: Device = world.participant()
        self.leaving = world.send(leaves, b"leaves")
        return lambda: world.withdraw(leaves, erase=True)


def main() -> None:
    """Do every deed on a disk that fails at each of its writes."""
    library, place, code, stride, *rest = sys.argv[1:]
    folder = Path(place)
    vault = Vaulted(folder, careless=bool(rest))
    disk = Failing(library, folder)
    deeds: list[Deed] = [
        *(vault.upload, vault.release, vault.enrolment, vault.consent, vault.erasure),
        *(vault.registration, vault.opening),
    ]
    writes = {}
    for deed in deeds:
        name = getattr(deed, "__name__", "")
        do = deed(vault.world)
        disk.count()
        assert do().status_code == FINE
        writes[name] = disk.count()
        for at in range(0, writes[name], int(stride)):
            for lasts in (False, True):
                do, vault.came = deed(vault.world), None
                disk.arm(at, int(code), lasts=lasts)
                try:
                    answer = do()
                finally:
                    disk.count()
                assert answer.status_code in {FINE, LATER}, (name, at, answer.text)
                vault.restart()
                vault.check()
                again = do()
                assert again.status_code == FINE, (name, at, again.text)
                vault.check(is_whole=True)
    sys.stdout.write(json.dumps(writes))


if __name__ == "__main__":
    main()
