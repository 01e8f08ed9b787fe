"""What every command shares: `--json`, results, errors, documented exit codes.

Input: a command's value or error. Output: text or JSON on stdout, errors on stderr.
Never prints captured content that a command did not ask for.
"""

from __future__ import annotations

import json
import unicodedata
from typing import IO, TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from overt.protocol.errors import OvertError

_META: Final = "overt.json"
_JSON: Final = "--json"
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})  # Unicode categories
_ALWAYS: Final = (
    (0, "Done."),
    (1, "Broken off by you, or an error that nobody foresaw."),
    (2, "The command or its input is malformed, or a file cannot be used."),
)


def _note(ctx: click.Context, _param: click.Parameter, value: object) -> bool:
    ctx.meta[_META] = bool(value)
    return bool(value)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--json`; it arrives as the argument `as_json`."""
    option = click.option(
        _JSON,
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_note,
        help="Print results and errors as JSON.",
    )
    return option(command)


def wants_json(ctx: click.Context, arguments: Collection[str] = ()) -> bool:
    """Whether the command that ran under this context was given `--json`.

    Args:
        ctx: The context of the command or of a group above it.
        arguments: What stood on the command line, for errors before it was read.
    """
    return bool(ctx.meta.get(_META)) or _JSON in arguments


class Failure(click.ClickException):
    """An error on its way to the terminal, with its remedy and exit code."""

    def __init__(
        self, message: str, remedy: str, exit_code: int, *, as_json: bool
    ) -> None:
        super().__init__(message)
        self.remedy, self.as_json = remedy, as_json
        self.exit_code: int = exit_code  # type: ignore[misc] # Click's own is a class's

    def show(self, file: IO[Any] | None = None) -> None:
        """Print to stderr: one JSON object, or the message and the remedy."""
        if self.as_json:
            body = {
                "error": self.message,
                "remedy": self.remedy,
                "exit_code": self.exit_code,
            }
            click.echo(json.dumps(body), file=file, err=file is None)
            return
        click.echo(f"Error: {plain(self.message)}", file=file, err=file is None)
        if self.remedy:
            click.echo(f"  {plain(self.remedy)}", file=file, err=file is None)


def failure(error: OvertError, *, as_json: bool) -> Failure:
    """Return an overt error as Click shows it."""
    message = str(error).removesuffix(error.remedy).rstrip()
    return Failure(message, error.remedy, error.exit_code, as_json=as_json)


def plain(text: str) -> str:
    """Return somebody else's text on one line, with nothing hidden in it.

    Control and format characters (line feeds, terminal sequences, marks that turn the
    direction of writing) are shown as their numbers: none can forge what stands
    beside it.
    """
    return "".join(
        f"<U+{ord(one):04X}>" if unicodedata.category(one) in _HIDDEN else one
        for one in text
    )


def emit(value: Any, text: str | None = None, *, as_json: bool) -> None:
    """Print a command's result.

    Args:
        value: The result as JSON data.
        text: The same for a reader; without it the value's lines are printed.
        as_json: Whether the caller asked for JSON.
    """
    if as_json:
        click.echo(json.dumps(value, ensure_ascii=False))
    else:
        click.echo(text if text is not None else "\n".join(_lines(value)))


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}: {plain(str(item))}" for name, item in value.items()]
    if isinstance(value, list):
        return [plain(str(item)) for item in value]
    return [plain(str(value))]


def exit_codes(*errors: type[OvertError]) -> str:
    """Return a command's epilog: what its exit codes mean."""
    rows = [*_ALWAYS]
    rows += [(kind.exit_code, (kind.__doc__ or "").split("\n")[0]) for kind in errors]
    lines = [f"  {code}  {text}" for code, text in sorted({*rows})]
    return "\b\nExit codes:\n" + "\n".join(lines)
