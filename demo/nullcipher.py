"""A copy of a run with the null cipher: what would lie there if nothing were sealed.

Input: a finished run and its people's keys. Output: a folder, gone at the end, in
which every sealed segment and spool file is replaced by its plaintext, as a cipher
that does nothing would have left it. It shows that the canary search can find what it
looks for. It works on copies, the key store included; no product code can do this.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from demo.run import PASSPHRASE, Run
from overt.protocol.sealing import MAGIC, open_segment, parse_sealed
from overt.recorder.person.home import Home
from overt.recorder.person.identity import unlock
from overt.vault.broker.keyring import KeyringFile
from overt.vault.broker.people import People
from overt.vault.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unsealed_copy(run: Run) -> Iterator[Path]:
    """Copy server and homes, put plaintext in place of what is sealed."""
    folder = Path(tempfile.mkdtemp(prefix="overt-null-"))
    try:
        server = folder / "server"
        shutil.copytree(run.folder / "server", server)
        _unseal_objects(run, server)
        for person in run.participants:
            home = folder / f"home-{person}"
            shutil.copytree(
                run.home(person), home, ignore=shutil.ignore_patterns("*.sock")
            )
            _unseal_spool(Home(home))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unseal_objects(run: Run, server: Path) -> None:
    kms = KeyringFile(server / "broker" / "keyring", passphrase=PASSPHRASE)
    try:
        database = Database(f"sqlite:///{server / 'vault' / 'rows.db'}")
        people = People(database, kms, run.state.figures["programme"])
        for path in (server / "vault" / "objects").rglob("*"):
            if path.is_file() and path.read_bytes().startswith(MAGIC):
                sealed = parse_sealed(path.read_bytes())
                plain = open_segment(sealed, people.open(sealed.header.person))
                path.write_bytes(sealed.signed[: -len(sealed.ciphertext)] + plain)
        database.engine.dispose()
    finally:
        kms.close()


def _unseal_spool(home: Home) -> None:
    own = unlock(home, PASSPHRASE).own
    for entry in home.spool.entries():
        path = home.spool.folder / f"{entry.segment}.ovsp"
        path.write_bytes(home.spool.read(entry.segment, own))
