"""The breach file: what Articles 33 and 34 of the GDPR ask for, filled in as known.

Stage: opened by the exposure audit when something could be read that must not. In: the
report and what is unexpected in it; out: a document for the controller, with the time
by which the authority is to be told. It states what is known and leaves open what
people have to say; it counts no people below 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from overt.vault.exposure.findings import Reach, Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.canonical import Json
    from overt.vault.exposure.findings import Exposure

HOURS = 72  # Article 33(1)
_TO_FILL = "to be filled in"
_CATEGORIES = {
    "segments": "sealed recordings of work at a computer (screen, input, context)",
    "rows": "pseudonyms, dates, purposes, who asked for and approved access",
    "keys": "keys: whoever has them and the recordings can open these",
    "derived": "datasets, checkpoints, evaluation logs and reports, sealed",
    "backups": "copies of rows and sealed recordings",
}


@dataclass(frozen=True, slots=True)
class Held:
    """How much the vault holds.

    Attributes:
        people: Participants; none where fewer than 5.
        records: Segments.
    """

    people: int | None
    records: int


def breach(report: Exposure, found: Sequence[Reach | Trial], held: Held) -> Json:
    """Return the breach file's body."""
    at = datetime.fromisoformat(report.at_utc)
    kinds = sorted({one.what for one in found})
    opened = [str(one) for one in found if isinstance(one, Trial)]
    return {
        "overt": "breach.v1",
        "found_utc": report.at_utc,
        "authority_by_utc": _utc(at + timedelta(hours=HOURS)),
        "nature": "confidentiality: data could be read by who must not",
        "categories_of_data": {one: _CATEGORIES.get(one, one) for one in kinds},
        "categories_of_people": "participants of the programme",
        "people_at_most": held.people if held.people is not None else "fewer than 5",
        "records_at_most": held.records,
        "could_read": [str(one) for one in found],
        "proved_by_fetching": opened,
        "did_read": report.read or "unknown",
        "access_logs": report.access_logs,
        "consequences": _TO_FILL,
        "measures_taken": ["The programme was halted by the exposure audit."],
        "measures_planned": _TO_FILL,
        "contact": _TO_FILL,
        "told_participants_utc": report.at_utc,
        "told_authority_utc": _TO_FILL,
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def next_word(report: Exposure) -> str:
    """Return when participants hear more: a day after."""
    return _utc(datetime.fromisoformat(report.at_utc) + timedelta(hours=24))


def could_read(found: Sequence[Reach | Trial]) -> str:
    """Return who could read what, in words for participants."""
    said = sorted({f"{one.who}: {one.what} in {one.where}" for one in found})
    more = f" and {len(said) - 5} more" if len(said) > 5 else ""
    return "; ".join(said[:5]) + more
