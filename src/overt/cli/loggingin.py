"""The login provider's settings: a TOML file that the operator writes.

Input: `issuer`, `client`, `secret_file`, `redirect`, a table `groups` from group names
to roles, and optionally `name_claim` and `groups_claim`. Output: the provider, checked.
Nothing here gives anybody a role: groups only narrow what the signed roster gives.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from overt.cli.files import read_text
from overt.protocol.errors import DataError, UsageError
from overt.protocol.forms import read_form
from overt.protocol.programme import Role  # noqa: TC001 - read at run time

if TYPE_CHECKING:
    from pathlib import Path

    from overt.console.oidc import Provider


@dataclass(frozen=True, slots=True)
class _Settings:
    issuer: str
    client: str
    secret_file: str
    redirect: str
    groups: dict[str, tuple[Role, ...]]
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"


def read_provider(file: Path) -> Provider:
    """Return the login provider that a file names.

    Raises:
        UsageError: The file or its secret cannot be read, or a setting is wrong.
    """
    from overt.console.oidc import Provider

    try:
        body = tomllib.loads(read_text(file))
        found = read_form(_Settings, body, what=str(file))
    except (tomllib.TOMLDecodeError, DataError) as error:
        raise UsageError(f"{file}: {error}", remedy="Mend the file.") from error
    for name, url in (("issuer", found.issuer), ("redirect", found.redirect)):
        _check_url(name, url)
    secret = read_text(file.parent / found.secret_file).strip()
    return Provider(
        found.issuer, found.client, secret, found.redirect, found.groups,
        found.name_claim, found.groups_claim,
    )  # fmt: skip


def _check_url(name: str, url: str) -> None:
    """Check that nothing goes over a network in clear.

    Raises:
        UsageError: It is neither https nor of this machine.
    """
    place = urlsplit(url)
    try:
        near = ip_address(place.hostname or "").is_loopback
    except ValueError:
        near = place.hostname == "localhost"
    if place.scheme != "https" and not (place.scheme == "http" and near):
        raise UsageError(f"The login's {name} is not https.", remedy="Use https.")
