"""Objects: where ciphertext lies, under random names, written once.

Stage: below ingest (put) and the broker (get). In: sealed bytes; out: the same bytes
by name. It never sees a key, never overwrites, and names tell nothing: they are 128
random bits, without time, person or content.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from overt.protocol.errors import UsageError, VaultError
from overt.vault.store.files import sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ClientConfig
    from obstore.store import ObjectStore as Backend


_TIMEOUT = timedelta(seconds=60)
_RETRY_FOR = timedelta(seconds=20)
_DAY_S = 86400
_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def new_object_name() -> str:
    """Return a fresh random object name: two digits, a slash, 32 hex digits."""
    name = secrets.token_hex(16)
    return f"{name[:2]}/{name}"


class Objects(Protocol):
    """What the vault needs of an object store."""

    def put(self, name: str, data: bytes) -> None:
        """Store an object durably; refuses to overwrite."""

    def get(self, name: str) -> bytes:
        """Return an object's bytes."""

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is removed already."""

    def names(self) -> Iterator[str]:
        """Yield the name of every object."""


class StoredObjects:
    """Objects on any backend of obstore.

    Args:
        backend: The obstore store.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def put(self, name: str, data: bytes) -> None:
        """Store an object; refuses to overwrite.

        Raises:
            VaultError: The name is taken, or the store cannot be written.
        """
        try:
            # in one request, which is whole or not there; parts cannot be conditional
            obstore.put(self._backend, name, data, mode="create", use_multipart=False)
        except AlreadyExistsError as error:
            raise VaultError(f"Object {name} exists; none is overwritten.") from error
        except (BaseError, OSError, ValueError) as error:
            raise VaultError(
                f"Object {name} cannot be stored ({type(error).__name__}).",
                remedy="Check the store's space and permissions, then send again.",
            ) from error

    def get(self, name: str) -> bytes:
        """Return an object's bytes.

        Raises:
            VaultError: There is no such object, or the store cannot be read.
        """
        try:
            return bytes(obstore.get(self._backend, name).bytes())
        except FileNotFoundError as error:
            raise VaultError(f"There is no object {name}.") from error
        except (BaseError, OSError, ValueError) as error:
            raise VaultError(
                f"Object {name} cannot be read ({type(error).__name__}).",
                remedy="Check that the store is there and that the vault may read it.",
            ) from error

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is removed already.

        Raises:
            VaultError: The store refuses.
        """
        try:
            obstore.delete(self._backend, name)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise VaultError(
                f"Object {name} cannot be erased ({type(error).__name__})."
            ) from error

    def names(self) -> Iterator[str]:
        """Yield the name of every object."""
        for batch in obstore.list(self._backend):
            yield from (meta["path"] for meta in batch)


class LocalObjects(StoredObjects):
    """Objects as local files of mode 0600 below a folder of mode 0700.

    A put returns after the file and its folders are on disk. Objects cut short by a
    power failure have no row and so are never served. A file's time is its date at
    midnight: times of sending would be a record of attendance.

    Args:
        folder: Where the files lie; made when missing. One that others can read stays
            as it is: closing it here would hide from the exposure audit that it was
            open.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        super().__init__(LocalStore(prefix=folder, automatic_cleanup=False))

    def get(self, name: str) -> bytes:
        """Return an object's bytes.

        Raises:
            VaultError: There is no such object, or the store cannot be read.
        """
        if _NAME.fullmatch(name) is None:  # it may lead out of the folder
            return super().get(name)
        try:
            handle = os.open(f"{self._folder}/{name}", os.O_RDONLY)
            with os.fdopen(handle, "rb", buffering=0) as file:
                return file.read()
        except FileNotFoundError as error:
            raise VaultError(f"There is no object {name}.") from error
        except OSError as error:
            raise VaultError(
                f"Object {name} cannot be read ({type(error).__name__}).",
                remedy="Check that the vault may read its folder.",
            ) from error

    def put(self, name: str, data: bytes) -> None:
        """Store an object durably; refuses to overwrite.

        Raises:
            VaultError: The name is taken, or the store cannot be written.
        """
        path = self._folder / name
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise VaultError(f"Object {name} cannot be stored.") from error
        super().put(name, data)
        try:
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
            midnight = time.time() // _DAY_S * _DAY_S
            for each in (path, path.parent, self._folder):
                os.utime(each, (midnight, midnight))
            for each in (path, path.parent, self._folder):
                sync(each)
        except OSError as error:
            raise VaultError(f"Object {name} cannot be made durable.") from error


class S3Objects(StoredObjects):
    """Objects in a bucket; a put returns when the bucket has answered for it.

    Credentials and region come from the environment as every S3 tool reads them
    (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`).

    Args:
        bucket: The bucket's name.
        prefix: What stands before every name in it.
        settings: Further settings of the store, in place of the environment's.

    Raises:
        UsageError: The server is elsewhere and called without TLS, or a setting is
            unknown.
    """

    def __init__(self, bucket: str, prefix: str = "", **settings: Any) -> None:
        endpoint = settings.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL", "")
        options: ClientConfig = {"timeout": _TIMEOUT}
        if endpoint.startswith("http:"):
            if urlsplit(endpoint).hostname not in _LOOPBACK:
                raise UsageError(
                    "Objects travel to another machine by https only.",
                    remedy="Give an endpoint that begins with https:// .",
                )
            options["allow_http"] = True
        try:
            store = S3Store(
                bucket,
                prefix=prefix or None,
                client_options=options,
                retry_config={"max_retries": 5, "retry_timeout": _RETRY_FOR},
                **settings,
            )
        except (BaseError, ValueError) as error:
            raise UsageError(f"Bucket {bucket} cannot be used.") from error
        super().__init__(store)


def open_objects(url: str) -> StoredObjects:
    """Open an object store by URL: `file:///path`, `s3://bucket/prefix` or `memory:`.

    Raises:
        UsageError: The bucket's settings cannot be used.
        VaultError: No backend of that name is built in.
    """
    if url == "memory:":
        return StoredObjects(MemoryStore())
    if url.startswith("file:///"):
        return LocalObjects(Path(url.removeprefix("file://")))
    if url.startswith("s3://"):
        place = urlsplit(url)
        return S3Objects(place.netloc, place.path.strip("/"))
    raise VaultError(
        f"No object store is built in for {url.split(':', maxsplit=1)[0]!r}.",
        remedy="Use file:///FOLDER, s3://BUCKET/PREFIX or memory: .",
    )
