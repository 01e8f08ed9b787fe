"""What the vault costs, each figure beside a floor of the same run.

    make bench-vault          writes bench-report/vault.json and prints ratios

Figures "a core" are per second of CPU time of the server's process, so that a loaded
machine tells the same as a quiet one; latencies are wall time. Segments of `release`
are small: what is measured is the way of the key, not the copying of bytes.

| key | what | floor |
|---|---|---|
| `release.segments_per_s` | policy, durable log entry, unwrap, wrap for the job, batched; segments that were never read before | the same keys opened alone, and so the devices' signatures verified alone |
| `release.again_per_s` | the same segments once more: their signatures are known | |
| `release.single_p50_ms` | one segment, from the caller's grant to its last byte | one unwrap by the key store |
| `ingest.puts_per_s` | durable, verified, receipted uploads of 1 MB over HTTP | an upload that FastAPI writes to a file and syncs |
| `kms.rotate_10k_s` | erasing one of 10,000 people: all others re-wrapped | |
| `scaling` | seconds at 10^4, 10^5, 10^6 segments of 10,000 people | |
"""  # noqa: E501 - a table row is one line

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import secrets
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy import insert

from overt.protocol import routes
from overt.protocol.calls import sign_call
from overt.protocol.canonical import b64
from overt.protocol.ids import new_id
from overt.protocol.sealing import (
    SealingKey,
    box_info,
    parse_sealed,
    sealed_digest,
    verify_sealed,
)
from overt.vault.govern.callers import Caller
from overt.vault.govern.erasure import erase_person
from overt.vault.store.database import Database
from overt.vault.store.objects import new_object_name
from overt.vault.store.rows import PersonKeyRow, PersonRow, SegmentRow
from tests.fakes.servers import free_port
from tests.fakes.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.vault.broker.people import People

REPORT = Path("bench-report/vault.json")
MB = 1 << 20
PEOPLE = 10_000


@contextmanager
def a_world() -> Iterator[World]:
    """Found a programme in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="overt-bench-") as name:
        folder = Path(name)
        database = Database(f"sqlite:///{folder}/rows.db")
        world = World(folder, database)
        try:
            yield world
        finally:
            world.stop()
            database.close()


def add_segments(world: World, device: Any, count: int, *, stored: bool) -> list[bytes]:
    """Put rows of a device's segments in place, and their objects where asked."""
    rows, kept = [], []
    for _ in range(count):
        name, data = new_object_name(), b""
        header, day = None, date.fromisoformat(world.iso()[:10])
        if stored:
            header, data = world.segment(device, b"x" * 1500)
            path = world.folder / "objects" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            kept.append(data)
        rows.append(
            {
                "segment_id": header.segment if header else new_id("seg"),
                "object_name": name,
                "size_bytes": len(data),
                "sha256": sealed_digest(data),
                "person": device.person,
                "device_id": device.id,
                "session_id": device.session,
                "sequence": device.sent,
                "consent_id": device.consent_id,
                "day": day,
                "state": "stored",
            }
        )
        device.sent += 1
    with world.database.write() as session:
        session.execute(insert(SegmentRow), rows)
    return kept


def _caller(world: World) -> Caller:
    member = world.in_force().member("rob")
    return Caller(member.name, member.roles, member.key)


def release(segments: int) -> dict[str, float]:
    """Measure batched and single releases, and the key store alone."""
    with a_world() as world:
        devices = [world.participant() for _ in range(20)]
        kept = [
            data
            for device in devices
            for data in add_segments(world, device, segments // 20, stored=True)
        ]
        releases = world.broker_app.state.parts.releases
        caller = _caller(world)
        everybody = world.granted(cohort=tuple(device.person for device in devices))
        one = world.participant()
        add_segments(world, one, 1, stored=True)
        single = world.granted(cohort=(one.person,))

        def read(request: str) -> tuple[float, float]:
            """Return CPU and wall time of a whole release, seconds."""
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            for _ in releases.begin(caller, request):
                pass
            return time.process_time() - cpu_s, time.perf_counter() - wall_s

        read(single)  # the first one parses the policies
        first_s, again_s = read(everybody)[0], read(everybody)[0]
        singles = [read(single) for _ in range(200)]
        floors = _key_floors(world, devices, kept)
    return {
        "segments_per_s": round(segments / first_s),
        "again_per_s": round(segments / again_s),
        "single_p50_ms": round(statistics.median(wall for _, wall in singles) * 1e3, 2),
        "single_cpu_ms": round(statistics.median(cpu for cpu, _ in singles) * 1e3, 2),
        **floors,
    }


def _key_floors(world: World, devices: list[Any], kept: list[bytes]) -> dict[str, Any]:
    people = world.broker_app.state.parts.people
    keys = {device.person: people.open(device.person) for device in devices}
    signers = {device.id: device.key.public_key() for device in devices}
    parsed = [parse_sealed(data) for data in kept]
    began = time.process_time()
    for sealed in parsed:
        keys[sealed.header.person].open(sealed.box, box_info(sealed.header))
    opened_s = time.process_time() - began
    began = time.process_time()
    for sealed in parsed:
        verify_sealed(sealed, signers[sealed.header.device])
    verified_s = time.process_time() - began
    unwraps = []
    for _ in range(200):
        start = time.perf_counter()
        people.open(devices[0].person)
        unwraps.append(time.perf_counter() - start)
    return {
        "floor_open_per_s": round(len(parsed) / opened_s),
        "floor_open_and_verify_per_s": round(len(parsed) / (opened_s + verified_s)),
        "floor_unwrap_p50_ms": round(statistics.median(unwraps) * 1e3, 2),
    }


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an app from a thread of this process; yield its address."""
    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def _send(address: str, uploads: list[tuple[str, bytes, str]], workers: int) -> None:
    """Send from another process, so that its CPU time is not the server's."""
    limits = httpx.Limits(max_connections=workers)
    with httpx.Client(base_url=address, limits=limits, timeout=120) as client:

        def one(upload: tuple[str, bytes, str]) -> int:
            target, data, proof = upload
            head = {"Authorization": proof}
            return client.put(target, content=data, headers=head).status_code

        with ThreadPoolExecutor(workers) as pool:
            codes = set(pool.map(one, uploads))
    os._exit(0 if codes == {200} else 1)


def _served_cpu_s(app: FastAPI, uploads: list[Any], workers: int) -> float:
    with served(app) as address:
        child = multiprocessing.get_context("fork").Process(
            target=_send, args=(address, uploads, workers)
        )
        child.start()
        began = time.process_time()
        child.join()
        spent = time.process_time() - began
    if child.exitcode:
        message = "an upload was refused"
        raise RuntimeError(message)
    return spent


def ingest(uploads: int, workers: int) -> dict[str, float]:
    """Measure uploads of 1 MB, and a bare FastAPI that writes and syncs them."""
    with a_world() as world:
        device = world.participant()
        sent = []
        for _ in range(uploads):
            header, data = world.segment(device, os.urandom(MB))
            device.sent += 1
            target = f"{routes.SEGMENTS}/{header.segment}"
            sent.append((target, data, _proof(world, device.key, target, data)))
        spent = _served_cpu_s(world.vault_app, sent, workers)
        bare = _served_cpu_s(_bare(world.folder), sent, workers)
    return {
        "puts_per_s": round(uploads / spent, 1),
        "floor_puts_per_s": round(uploads / bare, 1),
        "ratio": round(spent / bare, 2),
    }


def _proof(world: World, key: Ed25519PrivateKey, target: str, data: bytes) -> str:
    return sign_call(
        key,
        method="PUT",
        target=target,
        body=data,
        utc_s=world.now_s,
        nonce=secrets.token_hex(16),
    )


def _bare(folder: Path) -> FastAPI:
    """Return what an upload costs without any of overt."""
    app = FastAPI()

    async def put(segment: str, request: Request) -> dict[str, str]:
        body = await request.body()
        with (folder / f"bare-{segment}").open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        return {"segment": segment}

    app.put(routes.SEGMENTS + "/{segment}")(put)
    return app


def _people(world: World, count: int) -> list[str]:
    """Put people with wrapped keys in place; return their pseudonyms."""
    people: People = world.broker_app.state.parts.people
    names = [new_id("part") for _ in range(count)]
    epoch, key = world.kms.current_epoch, SealingKey.generate()
    rows = [
        {
            "person": name,
            "public_half": b64(key.public.raw),
            "epoch": epoch,
            "wrapped": world.kms.wrap(epoch, key.raw, people._context(name)),  # noqa: SLF001 - as `make` does
        }
        for name in names
    ]
    with world.database.write() as session:
        session.execute(insert(PersonRow), [{"person": name} for name in names])
        session.execute(insert(PersonKeyRow), rows)
    return names


def rotation() -> dict[str, float]:
    """Measure the erasure of one of 10,000 people in the key store."""
    with a_world() as world:
        names = _people(world, PEOPLE)
        start = time.perf_counter()
        began = time.process_time()
        world.broker_app.state.parts.people.erase(names[0])
        cpu_s = time.process_time() - began
    wall_s = time.perf_counter() - start
    return {"rotate_10k_s": round(wall_s, 2), "rotate_10k_cpu_s": round(cpu_s, 2)}


def scaling(sizes: list[int]) -> list[dict[str, float]]:
    """Measure how list, grant, release of a cohort and erasure grow."""
    return [_scaled(size) for size in sizes]


def _scaled(size: int) -> dict[str, float]:
    with a_world() as world:
        names = _people(world, PEOPLE)
        read = [world.participant() for _ in range(5)]
        for device in read:
            add_segments(world, device, 20, stored=True)
        _fill(world, read[0], names, size)
        registry, times = world.vault_app.state.parts.registry, {}
        with _timed(times, "grant_s"):
            request = world.granted(cohort=tuple(device.person for device in read))
        releases = world.broker_app.state.parts.releases
        with _timed(times, "release_100_s"):
            for _ in releases.begin(_caller(world), request):
                pass
        with _timed(times, "list_s"):
            world.call("stella", "GET", routes.STATE)
        with _timed(times, "erase_s"):
            erase_person(registry, world.objects, read[1].person)
    return {"segments": size, **times}


def _fill(world: World, device: Any, names: list[str], size: int) -> None:
    """Put rows of everybody else's segments in place; they have no objects."""
    day = date.fromisoformat(world.iso()[:10])
    for start in range(0, size, 50_000):
        rows = [
            {
                "segment_id": new_id("seg"),
                "object_name": f"{at:035d}",
                "size_bytes": 1,
                "sha256": "0" * 64,
                "person": names[at % len(names)],
                "device_id": device.id,
                "session_id": f"bench-{at % len(names)}",
                "sequence": at // len(names),
                "consent_id": device.consent_id,
                "day": day,
                "state": "stored",
            }
            for at in range(start, min(start + 50_000, size))
        ]
        with world.database.write() as session:
            session.execute(insert(SegmentRow), rows)


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    times[name] = round(time.perf_counter() - start, 3)


def main() -> None:
    """Run all, print ratios, keep what other parts of the report hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=4000)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10**4, 10**5, 10**6])
    asked = parser.parse_args()
    found = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    found["release"] = release(asked.segments)
    found["ingest"] = ingest(asked.uploads, workers=8)
    found["kms"] = rotation()
    found["scaling"] = scaling(asked.sizes)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
