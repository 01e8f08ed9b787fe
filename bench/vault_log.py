"""The log's figures: entries a second in group commit, one proof among 10 million.

Prints the floor of the same disk and hash beside each, and adds `log` to
bench-report/vault.json: {"entries_per_s", "proof_10m_ms"} with the floors.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol.canonical import canonical_bytes
from overt.protocol.tlog import inclusion_proof, verify_inclusion
from overt.vault.log.folder import LogFolder
from overt.vault.log.frontier import Frontier, Growth
from overt.vault.log.log import Log
from overt.vault.store.database import Database

REPORT = Path("bench-report/vault.json")
THREADS, CALLS, BATCH = 8, 25, 256
TEN_MILLION, CHUNK = 10_000_000, 1 << 16
PROOFS = 200


def entry(number: int) -> bytes:
    """Return an entry as the broker writes it."""
    return canonical_bytes({"kind": "read", "subject": f"seg_{number}", "day": "today"})


def group_commit(folder: Path) -> float:
    """Return entries a second of threads that append at the same time."""
    database = Database(f"sqlite:///{folder / 'rows.db'}")
    log = Log(folder / "log", Ed25519PrivateKey.generate(), "bench/log", database)

    def run(name: int) -> None:
        for turn in range(CALLS):
            first = (name * CALLS + turn) * BATCH
            log.append([entry(first + one) for one in range(BATCH)])

    threads = [threading.Thread(target=run, args=(name,)) for name in range(THREADS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - start
    database.close()
    return THREADS * CALLS * BATCH / spent


def one_by_one(folder: Path) -> float:
    """Return entries a second where each waits for its own fsync: the floor."""
    path, count = folder / "floor", 200
    start = time.perf_counter()
    with path.open("ab") as file:
        for number in range(count):
            file.write(entry(number))
            file.flush()
            os.fsync(file.fileno())
    return count / (time.perf_counter() - start)


def ten_million(folder: Path) -> tuple[float, float]:
    """Return the median milliseconds of a proof, and of its hashes alone."""
    files, frontier = LogFolder(folder / "big"), Frontier()
    while frontier.size < TEN_MILLION:
        growth = Growth(frontier)
        count = min(CHUNK, TEN_MILLION - frontier.size)
        for number in range(count):
            growth.add((frontier.size + number).to_bytes(32, "big"))
        frontier = growth.finish()
        for path, data in growth.files.items():
            if "entries" not in path:  # proofs are made from hashes
                _write(files.folder / path, data)
    return _proofs(files, frontier)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)  # durability is what group_commit measures


def _proofs(files: LogFolder, frontier: Frontier) -> tuple[float, float]:
    size, root, spent, proof = frontier.size, frontier.root(), [], []
    for turn in range(PROOFS):
        index = (turn * 7_919_311) % size
        start = time.perf_counter()
        proof = inclusion_proof(index, size, files.nodes(size))
        spent.append(time.perf_counter() - start)
        leaf = hashlib.sha256(b"\x00" + index.to_bytes(32, "big")).digest()
        verify_inclusion(leaf, index, size, proof, root)
    start = time.perf_counter()
    for one in proof:
        hashlib.sha256(b"\x01" + one + one).digest()
    return statistics.median(spent) * 1e3, (time.perf_counter() - start) * 1e3


def main() -> None:
    """Measure, print, add to the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        entries, floor = group_commit(folder), one_by_one(folder)
        proof_ms, hashes_ms = ten_million(folder)
    print(f"group commit  {entries:10.0f} entries/s")
    print(f"one fsync each {floor:9.0f} entries/s   ratio {entries / floor:.1f}")
    print(f"proof of one entry in 10 M  {proof_ms:.3f} ms (its hashes {hashes_ms:.3f})")
    REPORT.parent.mkdir(exist_ok=True)
    body = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    body["log"] = {
        "entries_per_s": round(entries),
        "fsync_each_per_s": round(floor),
        "proof_10m_ms": round(proof_ms, 3),
        "hashes_ms": round(hashes_ms, 4),
    }
    REPORT.write_text(json.dumps(body, indent=2) + "\n")


if __name__ == "__main__":
    main()
