"""One run of the exposure audit: look everywhere, compare, keep, say.

Stage: what `overt exposure` does. In: where things lie, and the time; out: a verdict,
with the report kept beside the one before. It plants the canaries that it fetches. It
halts nothing by itself: who called it sends the order that it returns.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.errors import DataError, VaultError
from overt.protocol.halt import HaltOrder
from overt.protocol.programme import OWN_PURPOSE
from overt.protocol.release import READ_KINDS
from overt.vault.exposure import database as rows
from overt.vault.exposure import decisions, files
from overt.vault.exposure.breach import Held, breach, could_read, next_word
from overt.vault.exposure.findings import (
    Exposure,
    changes,
    exposure_json,
    merged,
    parse_exposure,
    unexpected,
    verify_agreed,
)
from overt.vault.govern.acknowledged import shown
from overt.vault.log.book import EntryBook
from overt.vault.store.files import write_durably
from overt.vault.store.objects import new_object_name
from overt.vault.store.rows import PersonRow, SegmentRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme
    from overt.vault.exposure.findings import Pattern, Reach, Trial
    from overt.vault.store.database import Database
    from overt.vault.store.objects import Objects

LAST, AGREED, CANARY = "last.json", "agreed.json", "canary"
CANARY_BYTES = 4096


@dataclass(frozen=True)
class Environment:
    """Where things lie.

    Attributes:
        database: Rows, opened.
        programme: The programme in force.
        folders: Folders of files.
        accounts: Database accounts.
        objects: The object store, in which the canary is planted.
        further: Looks at buckets and key stores, each given the canary's name.
    """

    database: Database
    programme: Programme
    folders: tuple[files.Folder, ...]
    objects: Objects
    accounts: tuple[rows.DatabaseAccount, ...] = ()
    further: tuple[Callable[[str], Exposure], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run came to.

    Attributes:
        report: All that was found.
        found: What must not be.
        came: What is new since the run before, a line each.
        went: What is gone since.
        order: The halt to sign and send; none where nothing is exposed.
    """

    report: Exposure
    found: tuple[Reach | Trial, ...]
    came: list[str] = field(default_factory=list)
    went: list[str] = field(default_factory=list)
    order: HaltOrder | None = None


def run(
    world: Environment, keep: Path, clock: Callable[[], float] = time.time
) -> Verdict:
    """Look everywhere, compare with the agreed state and the run before, keep.

    Args:
        world: Where things lie.
        keep: Folder of the audit's own: last report, agreed state, canary, breaches.
        clock: Unix seconds now.

    Raises:
        SealError: The agreed state is not signed by who may agree.
        DataError: A file of the audit's own is malformed.
        VaultError: A report cannot be kept.
    """
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    now_s = clock()
    report = merged(_look(world, _canary(world, keep), int(now_s)), _utc(now_s))
    found = tuple(unexpected(report, _agreed(world, keep)))
    came, went = changes(report, _last(keep))
    order = None
    if found:
        order = _order(world.programme, report, found)
        body = breach(report, found, _held(world.database))
        _keep(keep, f"breach-{report.at_utc.replace(':', '')}.json", body)
    _keep(keep, LAST, exposure_json(report))
    return Verdict(report, found, came, went, order)


def _look(world: Environment, canary: str, now_s: int) -> Sequence[Exposure]:
    parts = [
        files.look(world.folders, canary),
        rows.look(world.database.engine, world.accounts),
        decisions.ask_policy(),
        decisions.alive(world.database, world.programme, now_s),
        *(look(canary) for look in world.further),
    ]
    return [*parts, _readers(world.database)]


def _readers(held: Database) -> Exposure:
    """Return who did read, by the log."""
    counted: Counter[str] = Counter()
    book = EntryBook(held, "")
    for _, _, entry in (found for kind in READ_KINDS for found in book.find(kind)):
        body = parse_json(entry, what="A log entry")
        own = body.get("purpose") == OWN_PURPOSE  # nobody learns who looks at their own
        counted["participants, of their own" if own else str(body["requester"])] += 1
    logs = {"the broker": "the transparency log, complete"}
    return Exposure("", (), (), (), dict(counted), logs)


def _canary(world: Environment, keep: Path) -> str:
    """Return the name of the planted object; plant it where it is not there yet."""
    path = keep / CANARY
    if path.exists():
        name = path.read_text(encoding="ascii")
        try:
            world.objects.get(name)
        except VaultError:
            pass  # somebody took it away: plant another
        else:
            return name
    name = new_object_name()
    world.objects.put(name, secrets.token_bytes(CANARY_BYTES))
    write_durably(path, name.encode())
    return name


def _agreed(world: Environment, keep: Path) -> tuple[Pattern, ...]:
    path = keep / AGREED
    if not path.exists():
        return ()
    envelope = parse_json(path.read_bytes(), what="The agreed state of exposure")
    return verify_agreed(envelope, world.programme)


def _last(keep: Path) -> Exposure | None:
    path = keep / LAST
    if not path.exists():
        return None
    try:
        body = parse_json(path.read_bytes(), what="The last exposure report")
        return parse_exposure(body)
    except DataError as error:
        raise DataError(
            f"{path} is not a report of this version.", remedy="Move it away."
        ) from error


def _keep(keep: Path, name: str, body: Json) -> None:
    try:
        write_durably(keep / name, canonical_bytes(body))
    except OSError as error:
        raise VaultError(f"{keep / name} cannot be written.") from error


def _held(held: Database) -> Held:
    people = select(func.count(PersonRow.person)).where(PersonRow.state == "active")
    records = select(func.count(SegmentRow.segment_id))
    with held.read() as session:
        counted = session.scalar(people) or 0
        stored = session.scalar(records.where(SegmentRow.state == "stored")) or 0
    return Held(shown(counted), stored)


def _order(
    programme: Programme, report: Exposure, found: Sequence[Reach | Trial]
) -> HaltOrder:
    return HaltOrder(
        programme.programme,
        "halted",
        "The exposure audit found data that could be read by who must not.",
        report.at_utc,
        cause="exposure",
        could_read=could_read(found),
        next_word_utc=next_word(report),
        notice=programme.notice.version,
    )


def _utc(now_s: float) -> str:
    return datetime.fromtimestamp(int(now_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
