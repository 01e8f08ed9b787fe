"""What a job makes goes through the vault: sealed, registered, opened by asking.

Input: a job's folder and who works in it. Output: keys to seal to, registrations that
lie beside what they are of, keys to open with; or the dataset's files in a new folder,
which is there whole or not at all. Keys stay in memory.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.cli.files import read_json, whole_file, write_json
from overt.cli.jobs import DATASET, REQUEST, open_job, read_request
from overt.cli.members import read_passphrase
from overt.cli.options import open_caller
from overt.protocol import routes
from overt.protocol.canonical import parse_json, sha256_hex, unb64
from overt.protocol.consent import document_digest
from overt.protocol.derived import Derived, DerivedKind, open_key, sign_derived
from overt.protocol.errors import DataError
from overt.protocol.forms import read_form
from overt.protocol.sealing import SealingPublicKey

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.cli.calling import Caller
    from overt.protocol.canonical import Json
    from overt.protocol.sealing import SealingKey

_NOTE = ".registration.json"


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A key to seal one thing to; its private half is the broker's.

    Attributes:
        name: Its id.
        public: Its public half.
    """

    name: str
    public: SealingPublicKey


@dataclass(frozen=True, slots=True)
class Maker:
    """Somebody who works in a job's folder.

    Attributes:
        job: The folder.
        key: The job's key.
        member: The researcher's key.
        vault: Calls the vault in their name.
        broker: Calls the broker in their name.
    """

    job: Path
    key: SealingKey
    member: Ed25519PrivateKey
    vault: Caller
    broker: Caller

    def fresh_key(self) -> FreshKey:
        """Return a key for something new.

        Raises:
            GovernError: The grant does not hold.
            VaultError: The programme is halted, or the broker cannot.
            NetworkError: The broker is away.
        """
        asked = {"request": read_request(self.job).get("request", "")}
        made = self.broker.send("POST", routes.DERIVED_KEYS, asked)
        public = SealingPublicKey(unb64(str(made.get("public")), what="A key"))
        return FreshKey(str(made.get("key")), public)

    def register(
        self,
        path: Path,
        kind: DerivedKind,
        key: FreshKey,
        *,
        name: str = "",
        made_of: tuple[str, ...] = (),
        segments: tuple[str, ...] = (),
        release: str = "",
    ) -> None:
        """Sign what was made, keep that beside it, and tell the vault.

        Where the vault is away the note stays: `overt derived register` sends it.

        Args:
            path: Where it lies: a sealed file, or a dataset's folder.
            kind: What it is.
            key: What it is sealed to.
            name: Its id; made from its digest where empty.
            made_of: Ids of its sources.
            segments: Of a dataset: names of segments in it.
            release: Of a dataset: the release that has these names.
        """
        digest = _sha256(path / "manifest.json.sealed" if path.is_dir() else path)
        asked = read_request(self.job)
        derived = Derived(
            name or f"{kind}-{digest[:16]}",
            kind,
            str(asked.get("request", "")),
            document_digest(read_json(self.job / REQUEST, what="The request")),
            str(asked.get("requester", "")),
            digest,
            key.name,
            segments,
            made_of,
            release,
        )
        note = sign_derived(derived, self.member)
        write_json(_note_of(path), note)
        self.vault.send("POST", routes.DERIVED, note)

    def open(self, path: Path) -> SealingKey:
        """Ask the broker for the key of something that this job has made.

        Each contributor's read is on the log before the answer comes.

        Raises:
            DataError: There is no registration beside it, or the answer is malformed.
            GovernError: It may not be opened (any more); the message says why.
            VaultError: The programme is halted, or the broker cannot.
            NetworkError: The broker is away.
            SealError: The answer is for another job.
        """
        derived = registered(path).derived
        answer = self.broker.send("POST", routes.OPENINGS, {"derived": derived})
        blob = unb64(str(answer.get("key")), what="A key")
        return open_key(blob, derived, self.key)


def open_maker(
    job: Path, server: str, broker: str, key_file: Path, passphrase_file: Path | None
) -> Maker:
    """Return who works in a job's folder.

    Raises:
        UsageError: There is no job, or an address may not be called.
        SealError: A passphrase is wrong.
        DataError: A key file is malformed.
    """
    key = open_job(job, read_passphrase(passphrase_file, what="the job's key"))
    vault, member = open_caller(server, key_file, passphrase_file)
    return Maker(job, key, member, vault, vault.elsewhere(broker))


def registered(path: Path) -> Derived:
    """Return the registration that lies beside something; its signature is not checked.

    Raises:
        DataError: There is none, or it is malformed.
    """
    note = _note_of(path)
    if not path.exists() or not note.exists():
        raise DataError(
            f"There is no {path}, or no registration beside it.",
            remedy="Make it with overt refine, train or evaluate.",
        )
    document = read_json(note, what="A registration")
    payload = unb64(str(document.get("payload", "")), what="a registration")
    body = parse_json(payload, what="A registration")
    return read_form(Derived, body, what="A registration")


def notes(job: Path) -> list[Json]:
    """Return a job's signed registrations, sources before what was made of them.

    Raises:
        DataError: There is none.
    """
    found = [
        _note_of(job / DATASET),
        *sorted((job / "checkpoints").glob(f"*{_NOTE}")),
        *sorted((job / "evaluations").glob(f"*{_NOTE}")),
    ]
    if not found[0].exists():
        raise DataError(f"{job} has no dataset.", remedy="Run: overt refine.")
    return [read_json(path, what="A registration") for path in found]


def _note_of(path: Path) -> Path:
    return path.with_name(path.name + _NOTE)


def _sha256(path: Path) -> str:
    try:
        return sha256_hex(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def write_clear(job: Path, key: SealingKey, output: Path) -> int:
    """Write a job's dataset in clear into a new folder; return how many files.

    Raises:
        DataError: A file is missing or differs from the manifest.
        SealError: It is sealed to another key.
        UsageError: The folder cannot be written.
    """
    from overt.research.dataset.sealed import clear_files

    part = output.with_name(output.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    count = 0
    try:
        for name, data in clear_files(job / DATASET, key):
            with whole_file(part / name) as file:
                file.write(data)
            count += 1
        part.rename(output)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count
