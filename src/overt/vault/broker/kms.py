"""The key management behind the broker: epoch roots, and what they wrap.

Stage: under the broker, which alone imports it. In: a secret with its context (who it
belongs to); out: the secret wrapped under an epoch root, and back. Every backend is
opened by a place (`open_kms`) and used through `Kms` alone. A destroyed epoch opens
nothing any more, restored backups of rows included.
"""

from __future__ import annotations

from typing import Protocol, Self


class Kms(Protocol):
    """What the broker needs of a key management system."""

    destruction: str
    """When destroying an epoch is final, as a sentence for the participant."""

    counting: str
    """Who counts unwraps outside the broker, as a sentence for the auditor."""

    @property
    def current_epoch(self) -> int:
        """The newest epoch, 1 or higher; 0 where there is none yet."""

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose roots stand."""

    @property
    def unwraps(self) -> int:
        """How many reads secrets were unwrapped for, by the book beside the roots."""

    def new_epoch(self) -> int:
        """Make a root for the next epoch and return its number."""

    def wrap(self, epoch: int, secret: bytes, context: bytes) -> bytes:
        """Return the secret wrapped under an epoch's root, bound to its context."""

    def unwrap(
        self, epoch: int, wrapped: bytes, context: bytes, reads: int = 1
    ) -> bytes:
        """Count the reads that it is for durably, then return the secret."""

    def rewrap(self, old: int, new: int, wrapped: bytes, context: bytes) -> bytes:
        """Move a secret to another epoch; not an unwrap."""

    def destroy_epoch(self, epoch: int) -> None:
        """Destroy an epoch's root; one destroyed already is left so."""

    def close(self) -> None:
        """Let go of the roots in memory and of what is held open."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class KeyStore(Protocol):
    """A key store of somebody else: one destroyable key an epoch, never given out.

    It wraps the epoch's root and nothing else. `roots.EpochRoots` makes a `Kms` of it.
    """

    destruction: str
    """When destroying a key is final, as a sentence for the participant."""

    counting: str
    """What the store counts by itself, as a sentence for the auditor."""

    def make_key(self, name: str) -> str:
        """Make a key that cannot be taken out; return how the store calls it."""

    def wrap(self, key: str, root: bytes, context: bytes) -> bytes:
        """Return the root encrypted under a key, bound to its context."""

    def unwrap(self, key: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the root."""

    def destroy(self, key: str) -> None:
        """Destroy a key, or order it; one destroyed already is left so."""

    def close(self) -> None:
        """Let go of what is held open."""
