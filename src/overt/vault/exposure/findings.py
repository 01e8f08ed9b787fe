"""What the exposure audit finds: who can reach which data, and what opened when tried.

Stage: the pure core of `overt exposure`. In: reaches and trials from the adapters, the
agreed state, the report before; out: what is unexpected, what changed. Fetched counts
as readable, whether it decrypts or not. What cannot be found out is `unknown`, never
`none`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError
from overt.protocol.forms import read_form
from overt.protocol.signing import public_key, trusted_keys, verify_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme, Role

AGREED = "exposure-agreed.v1"
_MAY_AGREE: tuple[Role, ...] = ("steward", "representative")


@dataclass(frozen=True, slots=True, order=True)
class Reach:
    """Somebody can reach some data, by what the environment says of itself.

    Attributes:
        who: Account, role or group as the environment calls it; `anyone` is anyone.
        what: Kind of data: segments, rows, log, keys, derived, backups.
        where: Where it lies: a folder, bucket, table, key.
        how: What lets them: a mode, policy, grant.
        expected: Whether the design means it so.
    """

    who: str
    what: str
    where: str
    how: str
    expected: bool = False

    def __str__(self) -> str:
        return f"{self.who} can read {self.what} in {self.where} ({self.how})"


@dataclass(frozen=True, slots=True, order=True)
class Trial:
    """An attempt to read, as somebody.

    Attributes:
        who: As whom it was tried.
        what: Kind of data.
        where: What was tried.
        opened: Whether bytes came; none where it could not be tried.
        expected: Whether they may come.
        why: What came of it, or why it could not be tried.
    """

    who: str
    what: str
    where: str
    opened: bool | None
    expected: bool = False
    why: str = ""

    def __str__(self) -> str:
        return f"{self.who} fetched {self.what} from {self.where} ({self.why})"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A reach that people have agreed to, by patterns; `*` stands for anything."""

    who: str
    what: str
    where: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """One run of the audit.

    Attributes:
        at_utc: When, ISO 8601.
        reaches: Who can reach what.
        trials: What was tried.
        unknown: What could not be found out, a sentence each.
        read: Who did read, by requester: how many reads the log has; none: unknown.
        access_logs: For each place, where its accesses are logged, or `unknown`.
    """

    at_utc: str
    reaches: tuple[Reach, ...]
    trials: tuple[Trial, ...]
    unknown: tuple[str, ...]
    read: dict[str, int]
    access_logs: dict[str, str]


def unexpected(report: Exposure, agreed: Sequence[Pattern]) -> list[Reach | Trial]:
    """Return what must not be: reaches nobody meant or agreed to, and what opened."""
    found: list[Reach | Trial] = [
        one for one in report.reaches if not one.expected and not _agreed(one, agreed)
    ]
    found += [
        one
        for one in report.trials
        if one.opened and not one.expected and not _agreed(one, agreed)
    ]
    return found


def _agreed(one: Reach | Trial, agreed: Sequence[Pattern]) -> bool:
    return any(
        fnmatchcase(one.who, pattern.who)
        and fnmatchcase(one.what, pattern.what)
        and fnmatchcase(one.where, pattern.where)
        for pattern in agreed
    )


def changes(now: Exposure, before: Exposure | None) -> tuple[list[str], list[str]]:
    """Return what came and what went since the report before, a line each."""
    new, old = _lines(now), _lines(before) if before else set()
    return sorted(new - old), sorted(old - new)


def _lines(report: Exposure) -> set[str]:
    opened = (trial for trial in report.trials if trial.opened)
    return {str(one) for one in report.reaches} | {str(one) for one in opened}


def verify_agreed(envelope: Json, programme: Programme) -> tuple[Pattern, ...]:
    """Return the agreed state, signed by a steward or the representative.

    Raises:
        SealError: Neither has signed it.
        DataError: It is malformed or another programme's.
    """
    members = [one for role in _MAY_AGREE for one in programme.members(role)]
    keys = trusted_keys([public_key(member.key) for member in members])
    body = verify_document(envelope, AGREED, keys)
    if body.get("programme") != programme.programme:
        raise DataError("The agreed state of exposure is another programme's.")
    items: object = body.get("agreed")
    if not isinstance(items, list):
        raise DataError("The agreed state of exposure is no list.")
    what = "The agreed state of exposure"
    return tuple(read_form(Pattern, item, what=what) for item in items)


def exposure_json(report: Exposure) -> Json:
    """Return a report as JSON."""
    return asdict(report)


def parse_exposure(body: Json) -> Exposure:
    """Read a report's JSON.

    Raises:
        DataError: It is malformed.
    """
    values = dict(body)
    trials = values.pop("trials", [])
    if not isinstance(trials, (list, tuple)):
        raise DataError("An exposure report's trials are no list.")
    values["trials"] = []
    values["read"] = values.get("read") or {}
    report = read_form(Exposure, values, what="An exposure report")
    return Exposure(
        report.at_utc,
        report.reaches,
        tuple(_trial(one) for one in trials),
        report.unknown,
        report.read,
        report.access_logs,
    )


def _trial(body: object) -> Trial:
    """Read a trial; its `opened` has a third state, which forms do not know."""
    if not isinstance(body, dict) or body.get("opened") not in {True, False, None}:
        raise DataError("An exposure report's trial has another form.")
    values = {name: value for name, value in body.items() if name != "opened"}
    reach = read_form(Reach, {"how": "", **_renamed(values)}, what="A trial")
    return Trial(
        reach.who, reach.what, reach.where, body["opened"], reach.expected, reach.how
    )


def _renamed(values: Json) -> Json:
    return {"how" if name == "why" else name: value for name, value in values.items()}


def merged(parts: Iterable[Exposure], at_utc: str) -> Exposure:
    """Return one report of several places'."""
    held = list(parts)
    return Exposure(
        at_utc,
        tuple(sorted({one for part in held for one in part.reaches})),
        tuple(one for part in held for one in part.trials),
        tuple(one for part in held for one in part.unknown),
        {who: count for part in held for who, count in part.read.items()},
        {place: log for part in held for place, log in part.access_logs.items()},
    )


def place(
    *,
    reaches: Iterable[Reach] = (),
    trials: Iterable[Trial] = (),
    unknown: Iterable[str] = (),
    access_logs: dict[str, str] | None = None,
) -> Exposure:
    """Return what was found at one place."""
    logs = access_logs or {}
    return Exposure("", tuple(reaches), tuple(trials), tuple(unknown), {}, logs)
