"""Vault keys, of people and of what is derived: made, opened for a read, destroyed.

Stage: inside the broker. In: pseudonyms and ids; out: public halves, and for the time
of one read a private half. Private halves lie wrapped by the KMS, bound to programme
and owner, so that rows that were swapped open nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from overt.protocol.canonical import b64, canonical_bytes, sha256_hex
from overt.protocol.errors import GovernError
from overt.protocol.ids import check_id, new_id
from overt.protocol.sealing import SealingKey
from overt.vault.govern.refusals import NotFoundError
from overt.vault.store.rows import (
    DerivedKeyRow,
    DerivedRow,
    InvitationRow,
    PersonKeyRow,
    PersonRow,
)

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from overt.protocol.canonical import Json
    from overt.vault.broker.kms import Kms
    from overt.vault.store.database import Database


_WRAPPED = select(PersonKeyRow.epoch, PersonKeyRow.wrapped).where(
    PersonKeyRow.person == bindparam("name")
)
_WRAPPED_DERIVED = select(DerivedKeyRow.epoch, DerivedKeyRow.wrapped).where(
    DerivedKeyRow.key_id == bindparam("name")
)
# what nobody may open any more: once a root is replaced, no older backup does either
_DESTROY_REVOKED = (
    update(DerivedKeyRow)
    .where(
        DerivedKeyRow.key_id.in_(
            select(DerivedRow.key_id).where(
                DerivedRow.state.in_(("revoked", "retired"))
            )
        )
    )
    .values(wrapped=None)
    .execution_options(synchronize_session=False)
)


class People:
    """The vault keys of a programme's people, and of what was made of their data.

    Args:
        database: Where wrapped halves lie.
        kms: What wraps them.
        programme: Programme id, part of every wrapping's context.
    """

    def __init__(self, database: Database, kms: Kms, programme: str) -> None:
        self._database = database
        self._kms = kms
        self._programme = programme
        self._rotation = threading.Lock()
        if not kms.current_epoch:
            kms.new_epoch()
        self._finish_rotation()

    @property
    def epoch(self) -> int:
        """The epoch that keys are wrapped in now; 0 where the key store has none."""
        return self._kms.current_epoch

    def _context(self, person: str) -> bytes:
        body = {"programme": self._programme, "person": person}
        return b"overt person key v1\0" + canonical_bytes(body)

    def _derived_context(self, key: str) -> bytes:
        body = {"programme": self._programme, "key": key}
        return b"overt derived key v1\0" + canonical_bytes(body)

    def make_derived(self, request: str) -> Json:
        """Make a key for something derived under a request; return `key`, `public`."""
        name, key = new_id("key"), SealingKey.generate()
        with self._rotation:
            epoch = self._kms.current_epoch
            wrapped = self._kms.wrap(epoch, key.raw, self._derived_context(name))
            with self._database.write() as session:
                session.add(
                    DerivedKeyRow(
                        key_id=name, request_id=request, epoch=epoch, wrapped=wrapped
                    )
                )
        return {"key": name, "public": b64(key.public.raw)}

    def open_derived(self, key: str, reads: int) -> SealingKey:
        """Unwrap the key of something derived; the reads that it is for are counted.

        Raises:
            GovernError: It is destroyed.
            NotFoundError: There is no such key.
            SealError: The row holds another key.
            VaultError: The epoch is destroyed.
        """
        return self._opened(_WRAPPED_DERIVED, key, self._derived_context(key), reads)

    def make(self) -> Json:
        """Make a pseudonym with a vault pair; return `person` and `public`."""
        person, key = new_id("part"), SealingKey.generate()
        public = b64(key.public.raw)
        with self._rotation:
            epoch = self._kms.current_epoch
            wrapped = self._kms.wrap(epoch, key.raw, self._context(person))
            with self._database.write() as session:
                session.add(PersonRow(person=person))
                session.add(
                    PersonKeyRow(
                        person=person,
                        public_half=public,
                        epoch=epoch,
                        wrapped=wrapped,
                    )
                )
        return {"person": person, "public": public}

    def open(self, person: str, reads: int = 1) -> SealingKey:
        """Unwrap a person's private half; the reads that it is for are counted.

        Raises:
            GovernError: The person is erased.
            NotFoundError: There is no such person.
            SealError: The row holds another person's key.
            VaultError: The epoch is destroyed.
        """
        return self._opened(_WRAPPED, person, self._context(person), reads)

    def _opened(
        self,
        wrapped_of: Select[int, bytes | None],
        name: str,
        context: bytes,
        reads: int,
    ) -> SealingKey:
        with self._rotation:
            with self._database.look() as connection:
                row = connection.execute(wrapped_of, {"name": name}).first()
            if row is None:
                raise NotFoundError(f"There is no vault key of {name!r:.60}.")
            epoch, wrapped = row
            if wrapped is None:
                raise GovernError(f"The vault key of {name} is destroyed.")
            return SealingKey(self._kms.unwrap(epoch, wrapped, context, reads))

    def erase(self, person: str) -> Json:
        """Destroy a person's key; return the new `epoch` and when that is `final`.

        The other people's halves move to a new epoch inside the KMS, and the old
        root is destroyed: a restored backup of the rows opens nothing of this person.

        Raises:
            NotFoundError: There is no such person.
            VaultError: The KMS or the database refuses; send it again.
        """
        check_id(person, "part")
        with self._rotation:
            self._rotate(person)
            self._database.scrub()
            self._finish_rotation()
        return {"epoch": self._kms.current_epoch, "final": self._kms.destruction}

    def _rotate(self, person: str) -> None:
        with self._database.write() as session:
            row = session.get(PersonKeyRow, person)
            if row is None:
                raise NotFoundError(f"There is no vault key of {person!r:.60}.")
            if row.wrapped is None:
                return
            row.wrapped = None
            session.execute(_DESTROY_REVOKED)
            session.flush()
            self._move(session, self._kms.new_epoch())
            for code in session.scalars(
                select(InvitationRow).where(InvitationRow.person == person)
            ):
                code.state = "revoked"

    def _move(self, session: Session, epoch: int) -> None:
        """Wrap every half under a new epoch's root."""
        for row, column, context in (
            (PersonKeyRow, PersonKeyRow.person, self._context),
            (DerivedKeyRow, DerivedKeyRow.key_id, self._derived_context),
        ):
            query = select(column, row.epoch, row.wrapped)
            moved = [
                {
                    column.key: of,
                    "epoch": epoch,
                    "wrapped": self._kms.rewrap(old, epoch, wrapped, context(of)),
                }
                for of, old, wrapped in session.execute(query)
                if wrapped is not None
            ]
            if moved:
                session.execute(update(row), moved)

    def _finish_rotation(self) -> None:
        """Destroy every root that no key lies under, but the newest."""
        with self._database.read() as session:
            used = {
                epoch
                for row in (PersonKeyRow, DerivedKeyRow)
                for epoch in session.scalars(
                    select(row.epoch).where(row.wrapped.is_not(None)).distinct()
                )
            }
        for epoch in self._kms.epochs:
            if epoch not in used and epoch != self._kms.current_epoch:
                self._kms.destroy_epoch(epoch)


def public_digest(made: Json) -> str:
    """Return the SHA-256 of a made pair's public half, as the log names it."""
    return sha256_hex(str(made["public"]).encode())
