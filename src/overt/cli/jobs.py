"""A job's folder: its key under a passphrase, and what it makes, sealed to that key.

Input: the folder of `overt access request --job`. Output: the job's sealing key, its
request, and the places of release, dataset, checkpoints and evaluation logs. Nothing
recorded stands in the folder in clear.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from overt.cli.files import check_output, read_json, write_json
from overt.protocol.canonical import b64, parse_json, unb64
from overt.protocol.consent import document_digest
from overt.protocol.errors import GovernError, UsageError
from overt.protocol.grants import TIMING
from overt.protocol.keyfile import lock_secret, unlock_secret
from overt.protocol.sealing import SealingKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from overt.protocol.canonical import Json
    from overt.protocol.grants import AccessRequest

KEY, REQUEST, RELEASE, DATASET = "job.key", "request.json", "release.ovrl", "dataset"


def check_job(folder: Path) -> None:
    """Check that a job can be made in a folder.

    Raises:
        UsageError: It holds a job already, whose key opens its release; or it is not
            writable.
    """
    if (folder / KEY).exists():
        raise UsageError(
            f"{folder} holds a job already.", remedy="Name a new folder with --job."
        )
    check_output(folder / KEY)


@contextmanager
def new_job(
    folder: Path, draft: AccessRequest, passphrase: str
) -> Iterator[AccessRequest]:
    """Make the job's key; yield the request with its public half.

    What fails in the block leaves no job behind.

    Raises:
        UsageError: The folder is not writable.
    """
    key = SealingKey.generate()
    about = {"kind": "job", "request": draft.request, "public": b64(key.public.raw)}
    try:
        write_json(folder / KEY, lock_secret(key.raw, passphrase, about))
        yield replace(draft, job=b64(key.public.raw))
    except BaseException:
        with suppress(OSError):
            (folder / REQUEST).unlink(missing_ok=True)
            (folder / KEY).unlink(missing_ok=True)
            folder.rmdir()
        raise


def open_job(folder: Path, passphrase: str) -> SealingKey:
    """Return the job's key.

    Raises:
        UsageError: There is no job in the folder.
        SealError: The passphrase is wrong.
        DataError: The key file is malformed.
    """
    body = read_json(folder / KEY, what="The job's key")
    return SealingKey(unlock_secret(body, passphrase))


def read_request(folder: Path) -> Json:
    """Return what a job's own request says; its signature is not checked.

    Raises:
        UsageError: There is none.
        DataError: It is malformed.
    """
    document = read_json(folder / REQUEST, what="The request")
    payload = unb64(str(document.get("payload", "")), what="the request")
    return parse_json(payload, what="The request")


def grants_timing(folder: Path, grant: str) -> bool:
    """Whether the grant of a job's release names exact times of input.

    Args:
        folder: The job's.
        grant: Digest of the grant, as the release states it.

    Raises:
        GovernError: The folder's request names them but is another one.
        UsageError: There is no request.
        DataError: It is malformed.
    """
    if TIMING not in read_request(folder).get("fields", ()):
        return False
    document = read_json(folder / REQUEST, what="The request")
    if document_digest(document) != grant:
        raise GovernError(
            "The job's request asks for exact timing and is not what was granted.",
            remedy="Run: overt release, in the folder of that request.",
        )
    return True
