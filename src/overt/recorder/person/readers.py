"""Who read what of mine: entries of the vault's log about this person, proved.

Input: the vault's entries and its log. Output: reads and other entries, each proved to
stand under the head that this machine watches; and what a halt says. A read that no
proof covers is refused, not listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.errors import OvertError, SealError
from overt.protocol.halt import HaltOrder, verify_halt
from overt.protocol.release import READ_KINDS
from overt.recorder.person.logwatch import LogWatch

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme
    from overt.recorder.person.home import Home
    from overt.recorder.person.logwatch import Watched
    from overt.recorder.person.vault_client import VaultClient

READ_FIELDS = ("day", "purpose", "requester", "request", "segment", "derived")
RECOVERY_FIELDS = ("recorded_by", "device", "representative", "opens_utc")


@dataclass(frozen=True, slots=True)
class Readers:
    """What the log says about one person.

    Attributes:
        watched: The head that everything here is proved by.
        reads: Each read: `log_index`, `witnessed`, and the entry's own fields.
        others: How many other entries there are about this person, by kind.
        recoveries: Each wish of a new key to read what a device of this person
            recorded: `recovery`, `recorded_by`, `device`, `representative`,
            `opens_utc`, and whether it is `objected` to.
    """

    watched: Watched
    reads: list[Json]
    others: dict[str, int]
    recoveries: list[Json]


def look(home: Home, programme: Programme, person: str, client: VaultClient) -> Readers:
    """Return who read this person's recordings, each entry proved.

    Raises:
        SealError: The log was rolled back or forked, an entry is not in it, or the
            server shows entries about somebody else.
        DataError: An answer is malformed.
        NetworkError: The server is away.
    """
    watch = LogWatch(home.root, programme, client.log_file)
    found = _entries(client)
    watched = watch.look()  # after the entries, so that it covers them
    reads: list[Json] = []
    others: dict[str, int] = {}
    recoveries: dict[str, Json] = {}
    for one in found:
        body = watch.proved(watched, one)
        if body.get("person") != person:
            raise SealError(f"Log entry {one['number']} is about somebody else.")
        if body.get("kind") in READ_KINDS:
            reads.append(_read(one, body, watched))
        elif body.get("kind") in {"own-recovery", "own-objection"}:
            _note(recoveries, body)
        else:
            kind = str(body.get("kind"))
            others[kind] = others.get(kind, 0) + 1
    return Readers(watched, reads, others, list(recoveries.values()))


def _note(recoveries: dict[str, Json], body: Json) -> None:
    """Note a recovery, or that one was objected to."""
    name = str(body.get("subject"))
    if body["kind"] == "own-objection":
        recoveries.setdefault(name, {"recovery": name})["objected"] = True
        return
    facts = {field: str(body.get(field, "")) for field in RECOVERY_FIELDS}
    recoveries[name] = {"recovery": name, **facts, "objected": False}


def notices(found: Readers) -> list[str]:
    """Return what a person has to know of recoveries that nobody has stopped."""
    return [
        f"A new key, of device {one['device']}, asks to read what {one['recorded_by']}"
        f" recorded; {one['representative']} signed it. It opens at"
        f" {one['opens_utc']}. If that is not you: overt recovery object"
        f" {one['recovery']}"
        for one in found.recoveries
        if not one["objected"]
    ]


def warnings(
    home: Home, programme: Programme, person: str, client: VaultClient
) -> list[str] | None:
    """Return the notices on the vault's log, or why it is refused; None while away."""
    try:
        return notices(look(home, programme, person, client))
    except SealError as error:
        return [str(error)]
    except OvertError:
        return None


def _entries(client: VaultClient) -> list[Json]:
    found: list[Json] = []
    start: int | None = 0
    while start is not None:
        answer = client.entries(start)
        found += answer.get("entries", [])
        ahead = answer.get("next")
        start = ahead if isinstance(ahead, int) and ahead > start else None
    return found


def _read(found: Json, body: Json, watched: Watched) -> Json:
    number = int(found["number"])
    facts = {name: str(body.get(name, "")) for name in READ_FIELDS}
    return {"log_index": number, "witnessed": number < watched.witnessed, **facts}


def word(programme: Programme, client: VaultClient) -> HaltOrder | None:
    """Return the halt in force as its orderers signed it; none while it runs.

    Raises:
        SealError: The order that the server shows is not signed by who may.
        NetworkError: The server is away.
    """
    order = client.word().get("order")
    return None if order is None else verify_halt(order, programme)


def told(programme: Programme, client: VaultClient) -> Json:
    """Return what a halt says: `why`, `could_read`, `next_word_utc`; or a problem."""
    try:
        order = word(programme, client)
    except OvertError as error:
        return {"halted": None, "why": str(error)}
    if order is None:
        return {"halted": False}
    return {
        "halted": True,
        "why": order.reason,
        "could_read": order.could_read,
        "next_word_utc": order.next_word_utc,
    }
