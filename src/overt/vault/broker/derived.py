"""What was made of releases is opened like them: policy, durable log entry, unwrap.

Stage: inside the broker, beside `release.py`. In: a researcher's signed call for
something registered; out: its key, sealed to the job that its grant names. The policy
is asked anew for whoever's segments are in it, so that a withdrawal, a halt or the end
of the grant closes it. Of each contributor one read is on the log, and counted by the
key store, before the key is there. No derived byte passes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.canonical import b64, canonical_bytes, parse_json
from overt.protocol.derived import seal_key, verify_decision, verify_derived
from overt.protocol.errors import GovernError
from overt.protocol.release import ReleaseNames
from overt.vault.broker.picking import Judge, named
from overt.vault.govern.derived import USABLE, people_in
from overt.vault.govern.refusals import NotFoundError
from overt.vault.govern.registry import day_of
from overt.vault.govern.requests import job_key
from overt.vault.store.rows import DerivedKeyRow, DerivedRow, ReleaseRow

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.protocol.derived import Derived
    from overt.protocol.grants import Grant
    from overt.protocol.programme import Programme
    from overt.vault.broker.picking import Pick
    from overt.vault.broker.release import Releases
    from overt.vault.govern.callers import Caller


@dataclass(frozen=True)
class Openings:
    """Makes and opens the keys of what is derived.

    Attributes:
        releases: How segments are released: its programme, grants, log and keys.
    """

    releases: Releases

    def make(self, caller: Caller, request_id: str) -> Json:
        """Make a key to seal something derived to; return `key` and `public`.

        Raises:
            HaltedError: The programme is halted.
            GovernError: No grant, or another's.
            SealError: A signature does not hold.
            NotFoundError: There is no such request.
            VaultError: The log refuses; the key is of no use then.
        """
        _, grant = self.releases.granted(caller, request_id)
        made = self.releases.people.make_derived(request_id)
        entry = self._entry("derived-key", str(made["key"]), grant)
        self.releases.log.append([canonical_bytes(entry)])
        return made

    def open(self, caller: Caller, derived_id: str) -> Json:
        """Return the key of something registered, sealed to its job: `derived`, `key`.

        Raises:
            HaltedError: The programme is halted.
            GovernError: It is another's, is revoked, tainted or retired, its grant
                has ended, somebody whose data is in it has withdrawn, or they are
                fewer than the programme's `min_cohort`.
            SealError: A signature does not hold.
            NotFoundError: It is not registered.
            VaultError: The log or the key store refuses; nothing is opened.
        """
        row, derived = self._registered(derived_id)
        programme, grant = self.releases.granted(caller, derived.request)
        if grant.digest != derived.grant or derived.researcher != caller.name:
            raise GovernError(f"{derived_id} was made under another grant.")
        self._check_key(derived)
        picks = self._in_force(row, derived, programme)
        judge = Judge(
            *(self.releases.database, programme, caller, grant),
            *(int(self.releases.clock()), {}, self.releases.denials.ended),
        )
        if not all(judge.allows(pick) for pick in picks):
            raise GovernError(f"{derived_id} holds what may no longer be read.")
        people = {pick.person for pick in picks}
        people |= set(people_in(self.releases.database, derived_id))
        if not people:
            raise GovernError(f"Whose data is in {derived_id} is not on record.")
        if len({pick.person for pick in picks} or people) < programme.min_cohort:
            raise GovernError(
                f"{derived_id} holds data of fewer than {programme.min_cohort} people."
            )
        entries = [
            canonical_bytes(self._entry("opening", derived_id, grant, who))
            for who in sorted(people)
        ]
        self._log(entries, programme)
        key = self.releases.people.open_derived(derived.key, len(entries))
        sealed = seal_key(key, derived_id, job_key(grant.request))
        return {"derived": derived_id, "key": b64(sealed)}

    def _registered(self, derived_id: str) -> tuple[DerivedRow, Derived]:
        """Return a row and what its researcher signed."""
        with self.releases.database.read() as session:
            row = session.get(DerivedRow, derived_id)
        if row is None:
            raise NotFoundError(f"{derived_id!r:.60} is not on record.")
        envelope = parse_json(row.document, what="A registration")
        derived = verify_derived(envelope, self.releases.roster.programme())
        if derived.derived != derived_id:
            raise GovernError(f"{derived_id} is on record as something else.")
        return row, derived

    def _check_key(self, derived: Derived) -> None:
        with self.releases.database.read() as session:
            row = session.get(DerivedKeyRow, derived.key)
        if row is None or row.request_id != derived.request:
            raise GovernError(f"{derived.derived} is not sealed to a key of its grant.")

    def _in_force(
        self, row: DerivedRow, derived: Derived, programme: Programme
    ) -> list[Pick]:
        """Return segments in something that may be opened, by its sources' signatures.

        What two people decided to keep is kept whoever withdrew; of it there are none.
        """
        if row.state not in USABLE:
            raise GovernError(f"{derived.derived} is {row.state}; it is not opened.")
        if row.state == "kept":
            envelope = parse_json(row.decision or b"", what="A decision")
            decision = verify_decision(envelope, programme)
            if (decision.derived, decision.decision) != (derived.derived, "kept"):
                raise GovernError(f"{derived.derived} was not decided to be kept.")
            return []
        if derived.kind == "dataset":
            return self._segments(derived)
        return [
            pick
            for source in derived.made_of
            for pick in self._in_force(*self._registered(source), programme)
        ]

    def _segments(self, derived: Derived) -> list[Pick]:
        with self.releases.database.read() as session:
            release = session.get(ReleaseRow, derived.release)
        if release is None or release.names_key is None:
            raise GovernError(f"{derived.derived} is of a release without names.")
        names = ReleaseNames(release.names_key)
        picks = named(
            self.releases.database, [names.resolve(name) for name in derived.segments]
        )
        if len(picks) != len(set(derived.segments)):
            raise GovernError(f"{derived.derived} holds segments that are erased.")
        return picks

    def _log(self, entries: list[bytes], programme: Programme) -> None:
        """Put reads on the log, durably and, where there are witnesses, cosigned."""
        numbers = self.releases.log.append(entries)
        self.releases.witnessed.cover(numbers[-1] + 1, programme.witnesses)

    def _entry(self, kind: str, subject: str, grant: Grant, person: str = "") -> Json:
        request = grant.request
        entry: Json = {
            "kind": kind,
            "subject": subject,
            "derived": subject,
            "day": day_of(self.releases.clock()).isoformat(),
            "purpose": request.purpose,
            "requester": request.requester,
            "request": request.request,
            "grant": grant.digest,
        }
        return entry | ({"person": person} if person else {})
