"""Both servers as children of one command: started, watched, ended together.

Input: ports, and this command's own arguments, which the children get with `--only`.
Output: their addresses once both listen; then nothing until they end. When this
command is asked to end, or one of them ends, neither is left running.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

import click
from click.exceptions import Exit

from overt.cli.files import write_json
from overt.protocol.errors import VaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Children = dict[str, subprocess.Popen[bytes]]

_ORDER: Final = ("broker", "vault")
_LOOK_S: Final = 0.1
AUDIT_S: Final = 300  # how often the exposure audit looks
_PATIENCE_S: Final = 8.0  # uvicorn takes up to 3 s to end what runs
_ADDRESSES: Final = "addresses.json"


def check_ports(ports: dict[str, int]) -> dict[str, int]:
    """Return ports that can be used; 0 becomes a free one.

    Raises:
        UsageError: One is taken.
    """
    from overt.cli.serve import bind

    with ExitStack() as stack:
        bound = {name: stack.enter_context(bind(port)) for name, port in ports.items()}
        return {name: one.getsockname()[1] for name, one in bound.items()}


def supervise(
    data: Path, ports: dict[str, int], tell: Callable[[dict[str, str]], None]
) -> None:
    """Run both servers until a signal comes or one of them ends.

    Args:
        data: Where `addresses.json` is written while they listen.
        ports: Of `vault` and `broker`.
        tell: Called with their addresses when both listen.

    Raises:
        Exit: A server ended with an error that it has told; its exit code.
        VaultError: A server was killed.
    """
    signals: list[int] = []
    old = {
        one: signal.signal(one, lambda number, _: signals.append(number))
        for one in (signal.SIGTERM, signal.SIGINT)
    }
    children: Children = {}
    reader, writer = os.pipe()  # only this process holds the writing end
    try:
        for name in _ORDER:
            command = [*_command(name, ports), "--parent", str(reader)]
            children[name] = subprocess.Popen(command, pass_fds=[reader])
        _watch(children, signals, lambda: _up(ports))
        if not signals:
            addresses = _addresses(ports)
            _audit(data, addresses["vault"], children, reader)
            write_json(data / _ADDRESSES, addresses)
            tell(addresses)
            _watch(children, signals, lambda: False)
    finally:
        _end(children.values())
        os.close(reader)
        os.close(writer)
        (data / _ADDRESSES).unlink(missing_ok=True)
        for one, handler in old.items():
            signal.signal(one, handler)


def _audit(data: Path, server: str, children: Children, parent: int) -> None:
    """Start the exposure audit beside the servers where its key was made; else warn."""
    if not (data / "exposure" / "exposure.key").exists():
        warn_of_open(data)
        return
    words, options = sys.argv[1:], {"--programme", "--database", "--objects"}
    passed = [
        part
        for at, word in enumerate(words[:-1])
        if word in options
        for part in (word, words[at + 1])
    ]
    settings = data / "exposure" / "settings.toml"
    if settings.exists():
        passed += ["--settings", str(settings)]
    command = [sys.executable, "-m", "overt.cli", "exposure", "--data", str(data)]
    command += [*passed, "--server", server, "--every", str(AUDIT_S)]
    command += ["--parent", str(parent)]
    children["exposure audit"] = subprocess.Popen(
        command, pass_fds=[parent], stdout=subprocess.DEVNULL
    )


def warn_of_open(data: Path) -> None:
    """Say which folders and files of the vault others can read: no audit tells it."""
    from overt.cli.exposing import own_folders

    for folder in own_folders(data):
        if folder.path.stat().st_mode & 0o077:
            click.echo(
                f"{folder.path} ({folder.holds}) is open to other accounts. Close it"
                " (chmod go= ), and see who could read: overt exposure --init.",
                err=True,
            )


def end_with(parent: int) -> None:
    """End this process in order once the other end of a pipe is closed.

    A supervisor that is killed leaves no server behind that holds its port.

    Args:
        parent: The reading end, as the supervisor handed it on.
    """

    def wait() -> None:
        with suppress(OSError):
            while os.read(parent, 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _command(name: str, ports: dict[str, int]) -> list[str]:
    """Return this command's own arguments with ports and `--only`: the last counts."""
    numbers = ["--port", str(ports["vault"]), "--broker-port", str(ports["broker"])]
    own = [sys.executable, "-m", "overt.cli", *sys.argv[1:]]
    return [*own, *numbers, "--only", name]


def _addresses(ports: dict[str, int]) -> dict[str, str]:
    from overt.cli.serve import LOOPBACK

    base = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
    return {**base, "console": f"{base['vault']}/console"}


def _up(ports: dict[str, int]) -> bool:
    """Whether both take connections."""
    from overt.cli.serve import LOOPBACK

    for port in ports.values():
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)):
                return False
    return True


def _watch(children: Children, signals: list[int], done: Callable[[], bool]) -> None:
    """Wait until something is so, a signal came, or a child ended.

    Raises:
        Exit: A child ended with an exit code of its own.
        VaultError: A child was killed, or ended without being asked.
    """
    while not signals and not done():
        for name, child in children.items():
            if (code := child.poll()) is None:
                continue
            if signals:  # the terminal's Ctrl+C reached the child as well
                return
            if code > 0:
                raise Exit(code)  # it has said why on stderr
            raise VaultError(
                f"The {name} ended unasked.", remedy="Start both again: overt serve."
            )
        time.sleep(_LOOK_S)


def _end(children: Iterable[subprocess.Popen[bytes]]) -> None:
    """Ask the children to end; kill those that do not."""
    running = [child for child in children if child.poll() is None]
    for child in running:
        child.terminate()
    deadline = time.monotonic() + _PATIENCE_S
    for child in running:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.1, deadline - time.monotonic()))
    for child in running:
        if child.poll() is None:
            child.kill()
            child.wait()
