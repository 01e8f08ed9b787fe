"""What the rules of the vault work with: rows, roster, log, keys for receipts, clock.

Stage: handed to every function in this package that changes something. In: facts; out:
log entries and the receipts that name them. It holds no key that opens a recording.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.consent import Receipt, ReceiptKind, sign_receipt
from overt.protocol.ids import new_id
from overt.vault.log.book import EntryBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.vault.govern.halt import Latest
    from overt.vault.govern.roster import Roster
    from overt.vault.store.database import Database


class Ledger(Protocol):
    """Where entries become durable: the broker's log, near or far."""

    def append(self, entries: Sequence[Json]) -> list[int]:
        """Append entries; return their numbers once they are durable."""


class KeyBroker(Ledger, Protocol):
    """The broker as the vault server sees it: logs, destroys, denies, own reads."""

    def pass_on(self, route: str, envelope: Json) -> tuple[int, Iterator[bytes]]:
        """Pass a participant's document on; return status and answer."""

    def latest(self) -> Latest:
        """Return the last halt order and the newest version, whatever rows say."""

    def erase(self, person: str) -> Json:
        """Destroy a person's key; return `epoch` and when that is `final`."""


def day_of(now_s: float) -> date:
    """Return the UTC date of a time in Unix seconds."""
    return datetime.fromtimestamp(now_s, UTC).date()


@dataclass(frozen=True)
class Registry:
    """The vault server's parts.

    Attributes:
        database: Rows.
        roster: The signed programme.
        broker: The log's writer and the keys' keeper, in another process.
        receipt_key: Signs receipts.
        lease_key: Signs leases.
        clock: Unix seconds now.
    """

    database: Database
    roster: Roster
    broker: KeyBroker
    receipt_key: Ed25519PrivateKey
    lease_key: Ed25519PrivateKey
    clock: Callable[[], float] = time.time

    @property
    def now_s(self) -> int:
        """Unix seconds now."""
        return int(self.clock())

    @property
    def today(self) -> date:
        """The UTC date."""
        return day_of(self.clock())

    def record(self, kind: str, subject: str, **facts: str) -> int:
        """Put one entry on the log and return its number; the same facts once.

        Args:
            kind: What happened.
            subject: Id of what it happened to.
            facts: Further ids and digests, never content.

        Raises:
            VaultError: The log refuses.
            NetworkError: The broker is away.
        """
        for number, _, known in EntryBook(self.database, "").find(
            kind, subject=subject
        ):
            body = parse_json(known, what="A log entry")
            if {name: body.get(name) for name in facts} == facts:
                return number
        entry = {
            "kind": kind,
            "subject": subject,
            "day": self.today.isoformat(),
            **facts,
        }
        return self.broker.append([entry])[0]

    def receipt(
        self,
        kind: ReceiptKind,
        subject: str,
        digest: str,
        index: int,
        *,
        final: str = "",
    ) -> bytes:
        """Return a signed receipt for what log entry `index` records."""
        receipt = Receipt(
            new_id("rcpt"),
            kind,
            subject,
            digest,
            self.roster.anchor.programme,
            index,
            self.today.isoformat(),
            final,
        )
        return canonical_bytes(sign_receipt(receipt, self.receipt_key))
