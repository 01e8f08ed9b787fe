"""The console's facts from the vault: the same functions as the API, the same rules.

Stage: between the console and vault.govern. In: rows and the log's folder; out: facts
without content. Signed documents go through the policy and the rules that the API's
callers go through; it holds no key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete

from overt.console.data import LogLine, RequestBook, RequestFacts, SystemState
from overt.protocol.errors import OvertError
from overt.vault.govern import halt, reports, requests
from overt.vault.govern.callers import Caller
from overt.vault.govern.policy import check
from overt.vault.govern.refusals import ReplayError
from overt.vault.log.folder import LogFolder
from overt.vault.store.rows import SeenRequestRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Member, Programme
    from overt.vault.govern.registry import Registry
    from overt.vault.govern.requests import RequestFile


class VaultData:
    """`ConsoleData` over a vault server's parts.

    Args:
        registry: The vault server's parts.
        log_folder: Where the broker writes the log; only read here.
    """

    def __init__(self, registry: Registry, log_folder: Path) -> None:
        self._registry = registry
        self._log = LogFolder(log_folder)

    def programme(self) -> Programme:
        """Return the programme in force, verified up to the programme keys."""
        return self._registry.roster.programme()

    def state(self) -> SystemState:
        """Return state and counts."""
        report = reports.state_report(self._registry)
        names = SystemState.__dataclass_fields__
        return SystemState(**{name: report[name] for name in names})

    def requests(self) -> RequestBook:
        """Return all access requests: undecided first, then by their end."""
        found, unsound = [], 0
        for _, file in requests.request_files(self._registry.database):
            try:
                found.append(self._facts(file))
            except OvertError:
                unsound += 1
        found.sort(key=lambda one: (one.state != "open", -one.request.expires_utc_s))
        return RequestBook(tuple(found), unsound)

    def request(self, request_id: str) -> RequestFacts:
        """Return one access request."""
        return self._facts(requests.request_file(self._registry.database, request_id))

    def _facts(self, file: RequestFile) -> RequestFacts:
        programme = self.programme()
        return RequestFacts(
            file.request(programme),
            file.digest,
            file.state(programme, self._registry.now_s),
            file.decisions(programme),
        )

    def submit_approval(self, member: Member, request_id: str, document: Json) -> str:
        """Take in a member's signed decision; return the request's new state."""
        caller = self._allowed(member, "approve")
        return requests.decide(self._registry, caller, request_id, document)

    def submit_halt(self, member: Member, document: Json) -> str:
        """Take in a signed order that a member hands in; return the new state."""
        self._allowed(member, "halt")
        return halt.accept_order(self._registry, document).state

    def _allowed(self, member: Member, action: str) -> Caller:
        programme = self.programme()
        state = halt.state_or_halted(self._registry)
        caller = Caller(member.name, member.roles, member.key)
        check(caller, action, programme.programme, halted=state.halted)
        return caller

    def log_entries(self, limit: int) -> Sequence[LogLine]:
        """Return the newest entries of the log, newest first."""
        lines = reports.log_lines(self._registry.database, limit)
        return [LogLine(**line) for line in lines]

    def checkpoint(self) -> str:
        """Return the newest signed checkpoint; empty while there is none."""
        return (self._log.read("checkpoint") or b"").decode(errors="replace")

    def use_nonce(self, nonce: str, expires_utc_s: int) -> None:
        """Remember a nonce durably until then.

        Raises:
            ReplayError: It was used before.
        """
        name, now_s = f"console:{nonce}", self._registry.now_s
        with self._registry.database.write() as session:
            old = SeenRequestRow.expires_s < now_s
            session.execute(delete(SeenRequestRow).where(old))
            if session.get(SeenRequestRow, name) is not None:
                raise ReplayError("This login was used before.", remedy="Log in again.")
            session.add(SeenRequestRow(nonce=name, expires_s=expires_utc_s))
