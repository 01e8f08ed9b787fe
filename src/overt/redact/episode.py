"""Placeholders that are the same for the same value within an episode, and only there.

Stage: after masking. Input: texts of one episode. Output: texts in which each masked
value is `[PERSON_1:medium]`: its kind, its number in the episode, its coarse length. An
agent can learn "type here what stood there"; nobody can link two episodes. The mapping
holds keyed digests, no values; its key is of this process and it cannot be pickled.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, NoReturn

from overt.protocol.errors import DataError
from overt.redact.text import Level, length, spans

if TYPE_CHECKING:
    from overt.redact.kinds import Span


class Episode:
    """The placeholders of one episode."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._numbers: dict[tuple[str, bytes], int] = {}
        self._counts: dict[str, int] = {}

    def __reduce__(self) -> NoReturn:
        raise DataError("The placeholders of an episode do not leave the process.")

    def placeholder(self, label: str, value: str) -> str:
        """Return what stands for a value: `PERSON_1` for the first person's name.

        Args:
            label: The kind of the value.
            value: The value; case and the width of gaps make no other value.
        """
        plain = " ".join(value.casefold().split()).encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, plain, "sha256")
        number = self._numbers.get((label, digest))
        if number is None:
            number = self._counts[label] = self._counts.get(label, 0) + 1
            self._numbers[label, digest] = number
        return f"{label}_{number}"

    def mask(self, text: str, level: Level, lang: str = "en") -> str:
        """Return a text with a placeholder in place of each masked value."""
        return self.fill(text, spans(text, level, lang))

    def fill(self, text: str, found: list[Span]) -> str:
        """Return a text with placeholders in place of spans.

        Args:
            text: The text.
            found: What is masked in it, in order.
        """
        parts, place = [], 0
        for start, end, label in found:
            name = self.placeholder(label, text[start:end])
            parts += [text[place:start], f"[{name}:{length(end - start)}]"]
            place = end
        return "".join([*parts, text[place:]])
