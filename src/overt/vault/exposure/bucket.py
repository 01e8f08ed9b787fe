"""Buckets and keys at a cloud: policies, access lists, blocks, proved by trying.

Stage: an adapter of the exposure audit. In: a bucket or key and the accounts that use
it; out: reaches and trials. A policy that cannot be understood counts as open: a
condition, `NotPrincipal` or `NotAction` is shown as it stands. It fetches canaries
alone, and decrypts nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import httpx

from overt.vault.exposure.findings import Exposure, Reach, Trial, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ANYONE = "anyone on the network"
_EVERYBODY = {
    "http://acs.amazonaws.com/groups/global/AllUsers": ANYONE,
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "any cloud account",
}
_READS_OBJECT, _DECRYPTS = "s3:GetObject", "kms:Decrypt"


@dataclass(frozen=True, slots=True)
class CloudAccount:
    """A service account at the cloud.

    Attributes:
        name: Its name, as policies end with it.
        may_read: Whether it may fetch objects.
        client: A boto3 client of S3 in its name; none: it is not tried.
    """

    name: str
    may_read: bool
    client: Any = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of segments.

    Attributes:
        name: Its name.
        url: Where anybody would fetch from: the endpoint with the bucket's name.
        client: A boto3 client of S3 that may read the bucket's settings.
        canary: Name of a planted object in it.
        accounts: The service accounts that know it.
    """

    name: str
    url: str
    client: Any
    canary: str
    accounts: tuple[CloudAccount, ...] = ()


def look(bucket: Bucket) -> Exposure:
    """Return who can fetch from a bucket, by its settings and by trying."""
    where, unknown = f"bucket {bucket.name}", list[str]()
    reaches = [*_policy(bucket, where, unknown), *_list(bucket, where, unknown)]
    if _blocked(bucket):
        reaches = [one for one in reaches if one.who not in _EVERYBODY.values()]
    trials = [_anonymous(bucket, where)]
    trials += [_as_account(bucket, account, where) for account in bucket.accounts]
    return place(
        reaches=reaches,
        trials=trials,
        unknown=unknown,
        access_logs={where: _access_log(bucket)},
    )


def _ask(bucket: Bucket, method: str) -> dict[str, Any] | None:
    """Return one of the bucket's settings; nothing where it has none.

    Raises:
        PermissionError: The audit may not ask.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, Any] = getattr(bucket.client, method)(Bucket=bucket.name)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code.startswith("NoSuch"):
            return None
        raise PermissionError(code) from error
    except BotoCoreError as error:
        raise PermissionError(type(error).__name__) from error
    return answer


def _policy(bucket: Bucket, where: str, unknown: list[str]) -> list[Reach]:
    try:
        found = _ask(bucket, "get_bucket_policy")
    except PermissionError as error:
        unknown.append(f"The policy of {where} cannot be read ({error}).")
        return []
    if found is None:
        return []
    names = {account.name for account in bucket.accounts if account.may_read}
    return [
        Reach(who, "segments", where, how, expected=_is_one_of(who, names))
        for who, how in allowed(json.loads(found["Policy"]), _READS_OBJECT)
    ]


def allowed(policy: dict[str, Any], action: str) -> Iterator[tuple[str, str]]:
    """Yield whom a policy's statements allow an action, and how.

    A denial under a condition takes nothing away.

    Args:
        policy: The policy document.
        action: For example `s3:GetObject`.
    """
    statements = policy.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    denied = {
        who
        for one in statements
        if one.get("Effect") == "Deny" and "Condition" not in one
        for who in _principals(one)
        if _names(one, action)
    }
    for one in statements:
        if one.get("Effect") != "Allow" or not _names(one, action):
            continue
        how = "policy, under a condition" if "Condition" in one else "policy"
        for who in _principals(one):
            if who not in denied and ANYONE not in denied:
                yield who, how


def _names(statement: dict[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return True  # cannot be said to leave it out
    told = statement.get("Action", [])
    told = told if isinstance(told, list) else [told]
    return any(fnmatchcase(action.lower(), str(one).lower()) for one in told)


def _principals(statement: dict[str, Any]) -> list[str]:
    if "NotPrincipal" in statement:
        return [ANYONE]
    told = statement.get("Principal", "*")
    if told == "*":
        return [ANYONE]
    named = [
        who
        for group in told.values()
        for who in (group if isinstance(group, list) else [group])
    ]
    return [ANYONE if who == "*" else str(who) for who in named]


def _is_one_of(who: str, names: set[str]) -> bool:
    return who.rpartition("/")[2] in names or who in names


def _list(bucket: Bucket, where: str, unknown: list[str]) -> list[Reach]:
    try:
        found = _ask(bucket, "get_bucket_acl") or {}
    except PermissionError as error:
        unknown.append(f"The access list of {where} cannot be read ({error}).")
        return []
    owner = found.get("Owner", {}).get("ID", "")
    reaches = []
    for grant in found.get("Grants", []):
        if grant.get("Permission") not in {"READ", "FULL_CONTROL"}:
            continue
        grantee = grant.get("Grantee", {})
        who = _EVERYBODY.get(grantee.get("URI", ""), grantee.get("ID", "unknown"))
        mine = bool(owner) and grantee.get("ID") == owner
        shown = "the bucket's owner" if mine else who
        reaches.append(Reach(shown, "segments", where, "access list", expected=mine))
    return reaches


def _blocked(bucket: Bucket) -> bool:
    """Whether the block of public access is whole; what cannot be read is none."""
    try:
        found = _ask(bucket, "get_public_access_block") or {}
    except PermissionError:
        return False
    block = found.get("PublicAccessBlockConfiguration", {})
    return bool(block.get("IgnorePublicAcls") and block.get("RestrictPublicBuckets"))


def _access_log(bucket: Bucket) -> str:
    try:
        found = (_ask(bucket, "get_bucket_logging") or {}).get("LoggingEnabled")
    except PermissionError as error:
        return f"unknown: it may not be asked ({error})"
    return f"bucket {found['TargetBucket']}" if found else "unknown: not kept"


def _anonymous(bucket: Bucket, where: str) -> Trial:
    try:
        answer = httpx.get(f"{bucket.url}/{bucket.canary}", timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        return Trial(ANYONE, "segments", where, None, why=type(error).__name__)
    opened = answer.is_success
    return Trial(ANYONE, "segments", where, opened, why=f"{answer.status_code}")


def _as_account(bucket: Bucket, account: CloudAccount, where: str) -> Trial:
    from botocore.exceptions import BotoCoreError, ClientError

    if account.client is None:
        why = "not tried: no credential was given to the audit"
        return Trial(account.name, "segments", where, None, account.may_read, why)
    opened: bool | None = True
    try:
        answer = account.client.get_object(Bucket=bucket.name, Key=bucket.canary)
        answer["Body"].read(1)
        why = "it came"
    except ClientError as error:
        why = str(error.response.get("Error", {}).get("Code", ""))
        opened = False
    except BotoCoreError as error:
        why, opened = type(error).__name__, None
    return Trial(account.name, "segments", where, opened, account.may_read, why)


def look_at_key(client: Any, key: str, accounts: Sequence[str]) -> Exposure:
    """Return who may decrypt with a key of the cloud's KMS, by its policy and grants.

    Args:
        client: A boto3 client of KMS that may read the key's policy.
        key: The key's id.
        accounts: Accounts that may decrypt: the broker's alone.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    where, names = f"KMS key {key}", set(accounts)
    try:
        policy = client.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        grants = client.list_grants(KeyId=key).get("Grants", [])
    except (ClientError, BotoCoreError) as error:
        why = f"The policy of {where} cannot be read ({type(error).__name__})."
        return place(unknown=[why], access_logs={where: "unknown"})
    reaches = [
        Reach(who, "keys", where, how, expected=_is_one_of(who, names))
        for who, how in allowed(json.loads(policy), _DECRYPTS)
    ]
    reaches += [
        Reach(who, "keys", where, "grant", expected=_is_one_of(who, names))
        for one in grants
        if "Decrypt" in one.get("Operations", [])
        for who in [str(one.get("GranteePrincipal"))]
    ]
    return place(reaches=reaches, access_logs={where: "the cloud's own trail: unknown"})
