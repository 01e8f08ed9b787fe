"""The log under kill -9: what was answered for is there, and it goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from overt.vault.log.book import EntryBook
from overt.vault.log.log import Log
from overt.vault.log.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.vault.store.database import Database

_WRITER = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from overt.vault.log.log import Log
from overt.vault.store.database import Database
folder = Path(sys.argv[1])
key = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
log = Log(folder / "log", key, "o", Database(f"sqlite:///{folder}/vault.db"))
while True:
    print(log.append([b"{}"] * 7)[-1], flush=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # its own files
def test_killed_again_and_again_nothing_answered_for_is_lost(
    tmp_path: Path, database: Database, log_key: Ed25519PrivateKey
) -> None:
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        answered = [writer.stdout.readline()]
        time.sleep(random.random())  # noqa: S311 - any moment will do
        writer.kill()
        answered += writer.stdout.read().splitlines()
        writer.wait()
        writer.stdout.close()
        log = Log(tmp_path / "log", log_key, "o", database)
        last = int([line for line in answered if line.strip().isdigit()][-1])
        assert log.size > last
        entries = EntryBook(database, "o").entries(0, log.size)
        report = verify(tmp_path / "log", log_key.public_key(), entries)
        assert (report.problems, report.entries_checked) == ((), log.size)
