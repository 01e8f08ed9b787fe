"""What signed documents said when they were verified, so that none is verified twice.

Stage: under grants and halts. In: the documents' very bytes and the programme that they
were verified under; out: what was read of them then. It lies in this process's memory:
no row can say that a signature holds, and another programme knows nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from overt.protocol.programme import Programme

Read = TypeVar("Read")
MOST = 1024  # then all is forgotten


class Known(Generic[Read]):
    """Remembers what documents said."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, ...], tuple[Programme, Read]] = {}

    def find(self, documents: tuple[bytes, ...], programme: Programme) -> Read | None:
        """Return what these bytes said under exactly this programme."""
        known = self._known.get(documents)
        return known[1] if known is not None and known[0] is programme else None

    def keep(
        self, documents: tuple[bytes, ...], programme: Programme, read: Read
    ) -> None:
        """Remember what was verified just now."""
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[documents] = (programme, read)
