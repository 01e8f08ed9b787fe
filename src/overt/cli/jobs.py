"""A job's folder: its key under a passphrase, and what it makes, sealed to that key.

Input: the folder of `overt access request --job`. Output: the job's sealing key and
the places of release, dataset, checkpoints and evaluation logs. Nothing in the folder
is plaintext.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from overt.cli.members import read_json, write_json
from overt.protocol.canonical import b64
from overt.protocol.keyfile import lock_secret, unlock_secret
from overt.protocol.sealing import SealingKey

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.grants import AccessRequest

KEY, RELEASE, DATASET = "job.key", "release.ovrl", "dataset"


def make_job(folder: Path, draft: AccessRequest, passphrase: str) -> AccessRequest:
    """Make the job's key; return the request with its public half.

    Raises:
        UsageError: The folder is not writable.
    """
    key = SealingKey.generate()
    about = {"kind": "job", "request": draft.request, "public": b64(key.public.raw)}
    write_json(folder / KEY, lock_secret(key.raw, passphrase, about))
    return replace(draft, job=b64(key.public.raw))


def open_job(folder: Path, passphrase: str) -> SealingKey:
    """Return the job's key.

    Raises:
        UsageError: There is no job in the folder.
        SealError: The passphrase is wrong.
    """
    body = read_json(folder / KEY, what="The job's key")
    return SealingKey(unlock_secret(body, passphrase))
