"""What the exposure audit looks at, from a data folder and a settings file.

Input: paths and TOML. Output: an environment for the audit. Credentials come by name
from the cloud's own profiles or from files, never from the settings themselves.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overt.cli.files import read_text
from overt.protocol.errors import DataError, UsageError
from overt.protocol.forms import read_form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from overt.protocol.programme import Programme
    from overt.vault.exposure.audit import Environment
    from overt.vault.exposure.files import Folder
    from overt.vault.exposure.findings import Exposure
    from overt.vault.exposure.keystores import OpenBao


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """A further folder: `path`, what it `holds`, account names that may own it."""

    path: str
    holds: str = "derived"
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """A database account: its role, the tables it may read, a file with its URL."""

    role: str
    reads: tuple[str, ...] = ()
    url_file: str = ""


@dataclass(frozen=True, slots=True)
class CloudAccountSettings:
    """A cloud account: its name, whether it may fetch, its profile."""

    name: str
    may_read: bool = False
    profile: str = ""


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """A bucket: name, the profile that may read its settings, the accounts."""

    name: str
    profile: str = ""
    endpoint: str = ""
    accounts: tuple[CloudAccountSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class KeySettings:
    """A key of a cloud's KMS: id, profile, who may decrypt."""

    id: str
    profile: str = ""
    endpoint: str = ""
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """A PKCS#11 token: its module's path, its label, a file with its PIN."""

    module: str
    label: str
    pin_file: str = ""


@dataclass(frozen=True, slots=True)
class OpenBaoAccountSettings:
    """A further account: its name, a file with its token, whether it may decrypt."""

    name: str
    token_file: str
    may_decrypt: bool = False


@dataclass(frozen=True, slots=True)
class OpenBaoSettings:
    """A transit engine: where, the audit's token, policies that may decrypt."""

    address: str
    token_file: str
    policies: tuple[str, ...] = ()
    mount: str = "transit"
    accounts: tuple[OpenBaoAccountSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings file."""

    folders: tuple[FolderSettings, ...] = ()
    accounts: tuple[AccountSettings, ...] = ()
    buckets: tuple[BucketSettings, ...] = ()
    keys: tuple[KeySettings, ...] = ()
    tokens: tuple[TokenSettings, ...] = ()
    openbao: tuple[OpenBaoSettings, ...] = ()


def read_settings(path: Path | None) -> Settings:
    """Read a settings file; an empty one where none is named.

    Raises:
        UsageError: It is not TOML, or a table has another form.
    """
    if path is None:
        return Settings()
    try:
        body = tomllib.loads(read_text(path))
        return read_form(Settings, body, what="The settings")
    except (tomllib.TOMLDecodeError, DataError) as error:
        raise UsageError(f"{path}: {error}", remedy="Mend the settings.") from error


def environment(
    data: Path, programme: Programme, settings: Path | None, places: tuple[str, str]
) -> Environment:
    """Return where to look.

    Args:
        data: The servers' data folder.
        programme: The programme in force.
        settings: The settings file.
        places: URLs of database and objects; empty: in the data folder.

    Raises:
        UsageError: The settings are malformed, or name what cannot be used.
        VaultError: Database or objects cannot be opened.
    """
    from overt.vault.exposure.audit import Environment
    from overt.vault.exposure.database import DatabaseAccount
    from overt.vault.exposure.files import Folder
    from overt.vault.store.database import Database
    from overt.vault.store.objects import open_objects

    read, (database, objects) = read_settings(settings), places
    further = [Folder(Path(one.path), one.holds, one.owners) for one in read.folders]
    return Environment(
        Database(database or f"sqlite:///{(data / 'vault' / 'rows.db').absolute()}"),
        programme,
        (*own_folders(data), *further),
        open_objects(objects or (data / "vault" / "objects").absolute().as_uri()),
        tuple(
            DatabaseAccount(one.role, one.reads, _first_line(one.url_file))
            for one in read.accounts
        ),
        tuple(_further(read)),
    )


def _further(read: Settings) -> Iterator[Callable[[str], Exposure]]:
    """Yield what looks at each bucket and key store, given the canary's name."""
    from overt.vault.exposure import keystores
    from overt.vault.exposure.bucket import look_at_key

    yield from (partial(_look_at_bucket, one) for one in read.buckets)
    for key in read.keys:
        client = _client("kms", key.profile, key.endpoint)
        yield _without_canary(look_at_key, client, key.id, key.accounts)
    for token in read.tokens:
        told = token.module, token.label, _first_line(token.pin_file)
        yield _without_canary(keystores.look_at_token, *told)
    for bao in read.openbao:
        yield _without_canary(keystores.look_at_openbao, _openbao(bao))


def _without_canary(
    look: Callable[..., Exposure], *told: object
) -> Callable[[str], Exposure]:
    return lambda _: look(*told)


def _openbao(settings: OpenBaoSettings) -> OpenBao:
    from overt.vault.exposure.keystores import OpenBao

    return OpenBao(
        settings.address,
        settings.mount.strip("/"),
        _first_line(settings.token_file),
        settings.policies,
        tuple(
            (one.name, _first_line(one.token_file), one.may_decrypt)
            for one in settings.accounts
        ),
    )


def own_folders(data: Path) -> list[Folder]:
    """Return the folders of a data folder with what they hold; the log is public."""
    from overt.vault.exposure.files import Folder

    vault = data / "vault"
    kinds = [(data / "broker", "keys"), (data / "exposure", "reports")]
    kinds += [(vault / "objects", "segments")]
    kinds += [(path, "rows") for path in sorted(vault.glob("rows.db*"))]
    kinds += [(path, "keys") for path in sorted(vault.glob("*.key"))]
    kinds += [(path, "keys") for path in sorted(vault.glob("*token*"))]
    return [Folder(path, holds) for path, holds in kinds if path.exists()]


def _first_line(path: str) -> str:
    if not path:
        return ""
    return read_text(Path(path)).split("\n")[0].strip()


def _client(service: str, profile: str, endpoint: str) -> Any:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise UsageError(
            "Buckets and keys of a cloud need boto3.",
            remedy="Install it: pip install 'overt[aws]'",
        ) from error
    try:
        session = boto3.Session(profile_name=profile or None)
        return session.client(service, endpoint_url=endpoint or None)
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"The profile {profile!r} cannot be used: {error}") from error


def _look_at_bucket(settings: BucketSettings, canary: str) -> Exposure:
    from overt.vault.exposure.bucket import Bucket, CloudAccount, look

    client = _client("s3", settings.profile, settings.endpoint)
    base = client.meta.endpoint_url.rstrip("/")
    accounts = tuple(
        CloudAccount(
            one.name,
            one.may_read,
            _client("s3", one.profile, settings.endpoint) if one.profile else None,
        )
        for one in settings.accounts
    )
    url = f"{base}/{settings.name}"
    return look(Bucket(settings.name, url, client, canary, accounts))
