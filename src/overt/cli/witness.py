"""`overt witness`: a witness that anybody can run, apart from the vault.

Input: a folder of its own and the keys of the logs that it watches. Output: its key, or
a server until interrupted. It cosigns a head only if it extends the last one it saw.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from overt.cli.options import NEW_FOLDER
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import DataError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@click.command(epilog=exit_codes(DataError))
@click.option(
    "--folder", type=NEW_FOLDER, required=True, help="Its key and what it saw last."
)
@click.option("--name", required=True, help="Its name, for example witness.example/1.")
@click.option("--init", is_flag=True, help="Make its key and print it, then stop.")
@click.option(
    "--log", "logs", multiple=True, help="Key of a log, from `overt log key`. Several."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="On loopback.")
@json_option
def witness(
    folder: Path, name: str, logs: tuple[str, ...], port: int, init: bool, as_json: bool
) -> None:
    """Cosign the heads of transparency logs, so that none is rolled back or forked.

    First `overt witness --folder DIR --name NAME --init`, which prints the key that the
    steward names in the programme as [[witnesses]]; then with --log. Put a TLS proxy in
    front of it. It ends with Ctrl+C or SIGTERM (exit code 0).
    """
    from overt.cli.serve import LOOPBACK, bind, run_app
    from overt.protocol.tlog import WitnessKey, read_verifier_key
    from overt.vault.log.witness import Witness, create_app

    if init:
        _make_key(folder)
    key = _read_key(folder)
    text = WitnessKey(name, key.public_key()).text
    if init:
        emit({"key": text}, text, as_json=as_json)
        return
    known = dict(read_verifier_key(one) for one in logs)
    if not known:
        raise UsageError("Which log?", remedy="Give --log KEY, from `overt log key`.")
    with bind(port) as bound:
        url = f"http://{LOOPBACK}:{bound.getsockname()[1]}"
        emit({"url": url, "key": text}, url, as_json=as_json)
        run_app(create_app(Witness(name, key, known, folder / "seen.json")), bound)


def _make_key(folder: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "witness.key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already; it is kept.") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(Ed25519PrivateKey.generate().private_bytes_raw().hex())
        file.flush()
        os.fsync(file.fileno())


def _read_key(folder: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = folder / "witness.key"
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The witness's key {path} cannot be read.", remedy="Make it: --init."
        ) from error
