"""The key management behind the broker: epoch roots that never leave it.

Stage: under the broker, which alone imports it. In: a secret with its context (who it
belongs to); out: the secret wrapped under an epoch root, and back. A backend counts
every unwrap durably before the plaintext returns, in its own books; the broker never
keeps that count. A destroyed epoch opens nothing any more, restored backups of rows
included.
"""

from __future__ import annotations

from typing import Protocol


class Kms(Protocol):
    """What the broker needs of a key management system."""

    destruction: str
    """When destroying an epoch is final, as a sentence for the notice."""

    @property
    def current_epoch(self) -> int:
        """The newest epoch, 1 or higher; 0 where there is none yet."""

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose roots stand."""

    @property
    def unwraps(self) -> int:
        """How many secrets were unwrapped, by the backend's own books."""

    def new_epoch(self) -> int:
        """Make a root for the next epoch and return its number."""

    def wrap(self, epoch: int, secret: bytes, context: bytes) -> bytes:
        """Return the secret wrapped under an epoch's root, bound to its context."""

    def unwrap(self, epoch: int, wrapped: bytes, context: bytes) -> bytes:
        """Count the unwrap durably, then return the secret."""

    def rewrap(self, old: int, new: int, wrapped: bytes, context: bytes) -> bytes:
        """Move a secret to another epoch inside the backend; not an unwrap."""

    def destroy_epoch(self, epoch: int) -> None:
        """Destroy an epoch's root; one destroyed already is left so."""
