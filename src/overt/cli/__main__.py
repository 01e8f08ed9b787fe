"""`overt`: one entry for every command, each loaded when it is called.

Input: arguments. Output: the command's exit code. A command lives in the module that
`COMMANDS` names; its heavy imports stand inside its functions, so that help stays
quick. No command's work is done here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from overt.cli.output import Failure, failure, wants_json
from overt.protocol.errors import OvertError

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: dict[str, str] = {
    # the participant's
    "autostart": "overt.cli.account:autostart",
    "consent": "overt.cli.consent:consent",
    "doctor": "overt.cli.doctor:doctor",
    "enrol": "overt.cli.enrol:enrol",
    "export": "overt.cli.review:export",
    "fetch": "overt.cli.fetch:fetch",
    "forget": "overt.cli.control:forget",
    "keyring": "overt.cli.account:keyring",
    "limits": "overt.cli.wishes:limits",
    "my": "overt.cli.my:my",
    "never": "overt.cli.wishes:never",
    "pause": "overt.cli.control:pause",
    "record": "overt.cli.record:record",
    "recovery": "overt.cli.recovery:recovery",
    "resume": "overt.cli.control:resume",
    "review": "overt.cli.review:review",
    "send": "overt.cli.review:send",
    "status": "overt.cli.control:status",
    "stop": "overt.cli.control:stop",
    "task": "overt.cli.control:task",
    "who-read": "overt.cli.whoread:who_read",
    "uninstall": "overt.cli.account:uninstall",
    # the server's and the research side's
    "access": "overt.cli.access:access",
    "backup": "overt.cli.backup:backup",
    "console": "overt.cli.console:console",
    "derived": "overt.cli.derived:derived",
    "evaluate": "overt.cli.evaluate:evaluate",
    "exposure": "overt.cli.exposure:exposure",
    "fsck": "overt.cli.fsck:fsck",
    "inspect": "overt.cli.inspect:inspect",
    "key": "overt.cli.key:key",
    "log": "overt.cli.log:log",
    "programme": "overt.cli.programme:programme",
    "redact": "overt.cli.redact:redact",
    "refine": "overt.cli.refine:refine",
    "release": "overt.cli.release:release",
    "restore": "overt.cli.backup:restore",
    "serve": "overt.cli.serve:serve",
    "train": "overt.cli.train:train",
    "witness": "overt.cli.witness:witness",
}


class LazyGroup(click.Group):
    """A group whose commands are imported by name when they are needed."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the alphabet."""
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None for a name that does not exist."""
        target = self._lazy.get(cmd_name)
        if target is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn errors into messages and exit codes."""
        words = [*ctx.args]
        try:
            return super().invoke(ctx)
        except OvertError as error:
            raise failure(error, as_json=wants_json(ctx, words)) from error
        except click.UsageError as error:
            if not wants_json(ctx, words):
                raise
            raise Failure(error.format_message(), "", 2, as_json=True) from error
        except click.Abort as error:
            text = "Broken off; what was not done stays undone."
            raise Failure(text, "", 1, as_json=wants_json(ctx, words)) from error
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            text = f"{error.filename or 'The system'}: {error.strerror or error}."
            raise Failure(text, "", 1, as_json=wants_json(ctx, words)) from error


@click.command(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="overt")
def main() -> None:
    """Record how people work at a computer, openly and with each person's say."""


if __name__ == "__main__":
    main()
