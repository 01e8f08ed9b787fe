"""The programme in force and who is who in it, from signatures alone.

Stage: the root of every decision in the vault. In: rows with signed documents and the
pinned programme keys; out: the verified programme. A row whose signatures do not lead
up to the pinned keys is refused, whoever wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.consent import document_digest
from overt.protocol.errors import GovernError, VaultError
from overt.protocol.signing import key_id, public_key
from overt.vault.govern.policy import check_policies
from overt.vault.store.rows import ProgrammeRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from overt.protocol.programme import Anchor, Member, Programme
    from overt.vault.govern.registry import Registry
    from overt.vault.store.database import Database


_NEWEST = (
    select(ProgrammeRow.document)
    .where(ProgrammeRow.programme_id == bindparam("id"))
    .order_by(ProgrammeRow.version.desc())
    .limit(1)
)


class Roster:
    """The signed programme, verified anew whenever its bytes change.

    Args:
        database: Where the documents lie.
        anchor: The programme keys that the server was set up with.
    """

    def __init__(self, database: Database, anchor: Anchor) -> None:
        self.anchor = anchor
        self._database = database
        self._verified: tuple[bytes, Programme] | None = None

    def install(self, envelope: Json) -> Programme:
        """Put a signed programme into force; the same one again changes nothing.

        Raises:
            SealError: The programme keys have not signed it.
            DataError: It is malformed.
            GovernError: A newer version is in force, or another one of its number; or
                it is signed for other access policies than this server has.
        """
        programme = self.check(envelope)
        document = canonical_bytes(envelope)
        with self._database.write() as session:
            newest = self._newest(session)
            if newest is not None and newest.document == document:
                return programme
            if newest is not None and newest.version >= programme.version:
                raise GovernError(
                    f"Version {newest.version} of the programme is in force.",
                    remedy="Give a changed programme a higher version.",
                )
            session.add(
                ProgrammeRow(
                    programme_id=programme.programme,
                    version=programme.version,
                    document=document,
                )
            )
        return programme

    def check(self, envelope: Json) -> Programme:
        """Return a programme that this server may serve; nothing is changed.

        Raises:
            SealError: The programme keys have not signed it.
            DataError: It is malformed.
            GovernError: It is signed for other access policies.
        """
        programme = self.anchor.programme_of(envelope)
        check_policies(programme)
        return programme

    def document(self) -> bytes:
        """Return the signed programme in force, as bytes.

        Raises:
            VaultError: None was put into force.
        """
        with self._database.look() as connection:
            found = connection.execute(_NEWEST, {"id": self.anchor.programme}).first()
        if found is None:
            raise VaultError(
                "The vault has no programme yet.",
                remedy="Sign one with: overt programme create.",
            )
        document: bytes = found.document
        return document

    def _newest(self, session: Session) -> ProgrammeRow | None:
        query = (
            select(ProgrammeRow)
            .where(ProgrammeRow.programme_id == self.anchor.programme)
            .order_by(ProgrammeRow.version.desc())
        )
        return session.scalars(query).first()

    def programme(self) -> Programme:
        """Return the programme in force, verified up to the pinned keys.

        Raises:
            VaultError: None was put into force.
            SealError: The row was tampered with.
            GovernError: It is signed for other access policies than this server has.
        """
        document = self.document()
        if self._verified is None or self._verified[0] != document:
            envelope = parse_json(document, what="The programme on record")
            self._verified = (document, self.check(envelope))
        return self._verified[1]

    def change(self, registry: Registry, envelope: Json) -> Programme:
        """Put the next version into force, its log entry first.

        Raises:
            SealError: The programme keys have not signed it.
            DataError: It is malformed.
            GovernError: It is no newer version, or of other access policies.
            VaultError: The log refuses.
        """
        programme, current = self.check(envelope), self.programme()
        if programme.version <= current.version and programme != current:
            raise GovernError(
                f"Version {current.version} of the programme is in force.",
                remedy="Give a changed programme a higher version.",
            )
        digest, version = document_digest(envelope), str(programme.version)
        registry.record("programme", digest, version=version)
        return self.install(envelope)


def member_of_key(programme: Programme, name: str) -> Member | None:
    """Return the member whose key has this key id, if anybody's has."""
    for member in programme.roster:
        if key_id(public_key(member.key)) == name:
            return member
    return None
