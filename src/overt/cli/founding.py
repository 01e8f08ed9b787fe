"""A programme's folder: what the key ceremony writes and every member's command reads.

Input: a programme that was read from TOML, and who holds its keys; or a folder. Output:
`programme.json` (signed), `anchor.json` (what devices pin) and the holders' key files;
or the verified programme. The folder is there whole or not at all.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from overt.cli.files import check_output, read_json, write_json
from overt.cli.members import make_key, open_key, read_passphrase
from overt.protocol.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Anchor, Programme

PROGRAMME, ANCHOR, KEYS = "programme.json", "anchor.json", "keys"


def check_holders(holders: tuple[str, ...], draft: Programme, output: Path) -> None:
    """Check that a ceremony can be held, before anybody types a passphrase.

    Raises:
        UsageError: Too few holders, a name that is none for a file, or the folder is
            in use or cannot be written.
    """
    if len(set(holders)) < draft.threshold:
        raise UsageError(
            f"{draft.threshold} holders must sign; {len(set(holders))} are named."
        )
    for holder in holders:
        plain = holder.isprintable() and "/" not in holder
        if not plain or not holder or holder != holder.strip(". "):
            raise UsageError(f"{holder!r:.60} is no name for a key holder.")
    if output.exists() and any(output.iterdir()):
        raise UsageError(
            f"{output} is in use; a programme is never overwritten.",
            remedy="Name a new folder.",
        )
    check_output(output / ANCHOR)


def hold_ceremony(
    draft: Programme,
    holders: tuple[str, ...],
    output: Path,
    passphrase_file: Path | None,
) -> list[str]:
    """Let each holder make a key, sign the programme, write the folder.

    Returns:
        Paths of the files that everybody may have.

    Raises:
        UsageError: A passphrase is too short, or the folder cannot be written.
    """
    phrases = _ask(holders, passphrase_file)
    part = output.with_name(output.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        _write(draft, phrases, part)
        part.replace(output)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [str(output / name) for name in (PROGRAMME, ANCHOR)]


def _ask(holders: tuple[str, ...], passphrase_file: Path | None) -> dict[str, str]:
    """Return each holder's own passphrase."""
    names = list(dict.fromkeys(holders))
    phrases = {}
    for number, holder in enumerate(names, 1):
        if passphrase_file is None:
            click.echo(f"Key {number} of {len(names)}: {holder}.", err=True)
        phrases[holder] = read_passphrase(
            passphrase_file, what=f"{holder}'s programme key", confirm=True
        )
    return phrases


def _write(draft: Programme, phrases: dict[str, str], part: Path) -> None:
    from overt.protocol.programme import Anchor, sign_programme

    publics: list[str] = []
    signers: list[Ed25519PrivateKey] = []
    for holder, phrase in phrases.items():
        path = part / KEYS / f"programme-{holder}.key"
        publics.append(str(make_key(holder, path, phrase)["public"]))
        if len(signers) < draft.threshold:
            signers.append(open_key(path, phrase))
    anchor = Anchor(draft.programme, tuple(publics), draft.threshold)
    write_json(part / PROGRAMME, sign_programme(draft, signers), mode=0o644)
    write_json(part / ANCHOR, asdict(anchor), mode=0o644)


def read_programme(folder: Path) -> tuple[Anchor, Json, Programme]:
    """Return anchor, signed document and verified programme of a folder.

    Raises:
        UsageError: A file is missing.
        SealError: The document is not signed by the anchor's keys.
        DataError: A file is malformed.
    """
    from overt.protocol.forms import read_form
    from overt.protocol.programme import Anchor

    anchor = read_form(
        Anchor, read_json(folder / ANCHOR, what="The anchor"), what="The anchor"
    )
    document = read_json(folder / PROGRAMME, what="The programme")
    return anchor, document, anchor.programme_of(document)
