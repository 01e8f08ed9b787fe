"""`overt redact`: masking as the recorder does it, over files and pipes.

Input: JSON lines on standard input, or pictures. Output: what is masked, never a copy
of what was not judged: a line that cannot be read gives an error with its number and
nothing on standard output.
"""

from __future__ import annotations

import json
import sys
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import click

from overt.cli.output import exit_codes, json_option
from overt.cli.redact_image import image
from overt.protocol.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from overt.protocol.canonical import Json

Needed = dict[str, "type | tuple[type, ...]"]  # name of a field -> what it may be
_READ_BYTES: Final = 1 << 20  # taken at once, or less if the writer pauses


@click.group()
def redact() -> None:
    """Mask text and pictures as the recorder does, and see what it would not record."""


redact.add_command(image)


@redact.command(epilog=exit_codes(DataError))
@click.option(
    "--level",
    type=click.Choice(["masked", "words"]),
    required=True,
    help="What is left: nothing (masked), common words (words).",
)
@click.option(
    "--lang",
    default="en",
    show_default=True,
    help="Language whose common words are left: en, de, es, fr, pt.",
)
@json_option
def text(level: Any, lang: str, as_json: bool) -> None:
    """Say which parts of texts are masked at a level.

    Reads JSON lines with "id" and "text" from standard input; writes a line with "id"
    and "spans" for each. A span has "start", "end" (in Unicode characters) and "label".
    In a language without a list all is masked. A line that cannot be read is told on
    standard error by its number, and the exit code is 8.
    """
    try:
        from overt.redact.text import spans_of
    except ImportError as error:
        raise _no_library() from error

    def judge(rows: list[Json]) -> list[Json]:
        found = spans_of([row["text"] for row in rows], level, lang)
        return [
            {"id": row["id"], "spans": [span._asdict() for span in spans]}
            for row, spans in zip(rows, found, strict=True)
        ]

    _answer({"id": object, "text": str}, judge, as_json=as_json)


@redact.command(epilog=exit_codes(DataError))
@json_option
def classify(as_json: bool) -> None:
    """Say which windows are never recorded, and why.

    Reads JSON lines with "app", "url" and "title" from standard input ("url" may be
    null); writes a line with "class" (null for a window that may be recorded) and
    "reason" for each. A line that cannot be read is told on standard error by its
    number, and the exit code is 8.
    """
    try:
        from overt.redact.classify import sensitive
    except ImportError as error:
        raise _no_library() from error

    def judge(rows: list[Json]) -> list[Json]:
        found = [sensitive(row["app"], row["url"], row["title"]) for row in rows]
        return [
            {"class": one.name, "reason": f"{one.reason} ({one.source})"}
            if one
            else {"class": None, "reason": "no rule matches"}
            for one in found
        ]

    _answer({"app": str, "url": (str, NoneType), "title": str}, judge, as_json=as_json)


def _no_library() -> UsageError:
    return UsageError(
        "Masking needs libraries that are not installed.",
        remedy="Install them: pip install 'overt[mask]'",
    )


def _answer(
    needed: Needed,
    judge: Callable[[list[Json]], list[Json]],
    *,
    as_json: bool,
) -> None:
    """Answer each line of standard input with a line.

    Raises:
        DataError: Lines were malformed; the others are answered.
    """
    bad = 0
    for lines in _batches():
        rows = []
        for number, line in lines:
            try:
                rows.append(_row(line, needed))
            except ValueError as error:
                bad += 1
                _complain(number, str(error), as_json=as_json)
        if rows:
            answers = judge(rows)
            click.echo("\n".join(json.dumps(one) for one in answers))
    if bad:
        raise DataError(
            f"{bad} line(s) could not be read; nothing was written for them."
        )


def _batches() -> Iterator[list[tuple[int, bytes]]]:
    """Read whole lines as they come, with their numbers; blank ones are skipped."""
    number, rest = 0, b""
    stream = sys.stdin.buffer
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    while data := read(_READ_BYTES):
        *lines, rest = (rest + data).split(b"\n")
        yield [(number + n, one) for n, one in enumerate(lines, 1) if one.strip()]
        number += len(lines)
    if rest.strip():
        yield [(number + 1, rest)]


def _row(line: bytes, needed: Needed) -> Json:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("is no JSON") from error
    if not isinstance(row, dict):
        raise ValueError("is no object")  # noqa: TRY004 - one error for all forms
    for name, kind in needed.items():
        if name not in row:
            raise ValueError(f"lacks {name!r}")
        if not isinstance(row[name], kind):
            raise ValueError(f"has {name!r} that is no text")  # noqa: TRY004
    return row


def _complain(number: int, what: str, *, as_json: bool) -> None:
    message = f"Line {number} {what}."
    click.echo(
        json.dumps({"line": number, "error": message}) if as_json else message, err=True
    )
