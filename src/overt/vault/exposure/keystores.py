"""Key stores of one's own: OpenBao's tokens and policies, a PKCS#11 token's attributes.

Stage: an adapter of the exposure audit. In: a server or token and who may decrypt with
it; out: reaches and trials. What a policy of OpenBao says without being understood
counts as allowed. It decrypts nothing: that somebody may is shown by a ciphertext of no
key being called malformed, not forbidden.

Source: https://openbao.org/api-docs/system/capabilities-accessor/, PKCS#11 v3.1 4.8
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from overt.vault.exposure.bucket import ANYONE
from overt.vault.exposure.findings import Exposure, Reach, Trial, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TIMEOUT_S = 10.0
_NO_CIPHERTEXT = {"ciphertext": "vault:v1:AAAA"}
_WRITES = frozenset({"root", "create", "update", "patch", "write"})
_RIGHTS = frozenset({"delete", "list", "read", "sudo"}) | _WRITES
_HOLDER, _STRANGER = "whoever knows the PIN", "anyone with the module"


@dataclass(frozen=True, slots=True)
class OpenBao:
    """A transit engine of OpenBao or HashiCorp Vault.

    Attributes:
        address: Base URL of the server.
        mount: Path of the engine.
        token: What the audit is known by: it may list and read policies, tokens'
            accessors, audit devices and the engine's keys, and decrypt nothing.
        policies: Policies that may decrypt: the broker's alone.
        accounts: Further tokens to try, by name, and whether each may decrypt.
    """

    address: str
    mount: str
    token: str
    policies: tuple[str, ...]
    accounts: tuple[tuple[str, str, bool], ...] = ()


def look_at_openbao(bao: OpenBao) -> Exposure:
    """Return who may decrypt with OpenBao's keys, by its own word and by trying."""
    with httpx.Client(
        base_url=f"{bao.address.rstrip('/')}/v1/",
        timeout=_TIMEOUT_S,
        trust_env=False,
    ) as client:
        return _OpenBaoLook(bao, client).look()


class _OpenBaoLook:
    """One look at an OpenBao server, over one connection."""

    def __init__(self, bao: OpenBao, client: httpx.Client) -> None:
        self._bao, self._client = bao, client
        self._where = f"OpenBao {bao.mount}"
        self._unknown = [f"Batch tokens of {self._where} are alive and not listed."]

    def look(self) -> Exposure:
        keys = self._listed(f"{self._bao.mount}/keys", "keys")
        reaches = [
            *(one for key in keys for one in self._key(key)),
            *self._policies(keys),
            *self._tokens(keys),
        ]
        return place(
            reaches=reaches,
            trials=self._tried((keys or ["none"])[0]),
            unknown=self._unknown,
            access_logs={self._where: self._access_log()},
        )

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return the data of an answer.

        Raises:
            PermissionError: It may not be asked, or does not answer.
        """
        try:
            answer = self._send(method, path, body, self._bao.token)
        except httpx.HTTPError as error:
            raise PermissionError(type(error).__name__) from error
        if not answer.is_success:
            raise PermissionError(str(answer.status_code))
        data: dict[str, Any] = answer.json()["data"]
        return data

    def _send(self, method: str, path: str, body: Any, token: str) -> httpx.Response:
        headers = {"X-Vault-Token": token} if token else {}
        return self._client.request(method, path, json=body, headers=headers)

    def _listed(self, path: str, what: str) -> list[str]:
        try:
            return [str(one) for one in self._call("LIST", path)["keys"]]
        except PermissionError as error:
            self._unknown.append(
                f"The {what} of {self._where} cannot be listed ({error})."
            )
            return []

    def _key(self, key: str) -> Iterator[Reach]:
        """Yield what a key lets happen to itself."""
        try:
            facts = self._call("GET", f"{self._bao.mount}/keys/{key}")
        except PermissionError as error:
            self._unknown.append(
                f"Key {key} of {self._where} cannot be read ({error})."
            )
            return
        for flag, how in (
            ("exportable", "the key may be exported"),
            ("allow_plaintext_backup", "the key may be backed up in clear"),
        ):
            if facts.get(flag):
                yield Reach("its administrators", "keys", self._where, how)

    def _ways(self, keys: Iterable[str]) -> Iterator[tuple[str, frozenset[str], str]]:
        """Yield each path that leads to roots, the rights that it takes, its name."""
        yield "sys/policies/acl/overt", _WRITES, "may write policies"
        for key in keys:
            yield f"{self._bao.mount}/decrypt/{key}", _WRITES, "may decrypt"
            yield f"{self._bao.mount}/keys/{key}/config", _WRITES, "may loosen keys"

    def _policies(self, keys: list[str]) -> Iterator[Reach]:
        for name in self._listed("sys/policies/acl", "policies"):
            try:
                text = str(self._call("GET", f"sys/policies/acl/{name}")["policy"])
            except PermissionError as error:
                why = f"Policy {name} of {self._where} cannot be read ({error})."
                self._unknown.append(why)
                continue
            ways = {
                how
                for path, rights, how in self._ways(keys)
                if allowed_by(text, path) & rights
            }
            for how in ways:
                expected = name in self._bao.policies
                who = f"policy {name}"
                yield Reach(who, "keys", self._where, how, expected=expected)

    def _tokens(self, keys: list[str]) -> Iterator[Reach]:
        ways = list(self._ways(keys))
        for accessor in self._listed("auth/token/accessors", "tokens"):
            named = {"accessor": accessor}
            asked = {**named, "paths": [path for path, _, _ in ways]}
            try:
                facts = self._call("POST", "auth/token/lookup-accessor", named)
                rights = self._call("POST", "sys/capabilities-accessor", asked)
            except PermissionError as error:
                if str(error) != "404":  # 404: it ran out between the calls
                    why = f"A token of {self._where} cannot be looked at ({error})."
                    self._unknown.append(why)
                continue
            held = {str(one) for one in facts.get("policies") or ()}
            held |= {str(one) for one in facts.get("identity_policies") or ()}
            named_as = facts.get("display_name") or "without a name"
            who = f"token {named_as} ({', '.join(sorted(held))})"
            own = held - {"default"}
            expected = bool(own) and own <= set(self._bao.policies)
            for how in {how for path, need, how in ways if need & {*rights[path]}}:
                yield Reach(who, "keys", self._where, how, expected=expected)

    def _access_log(self) -> str:
        try:
            found = self._call("GET", "sys/audit")
        except PermissionError as error:
            return f"unknown: it may not be asked ({error})"
        return f"audit device {', '.join(sorted(found))}" if found else "unknown: none"

    def _tried(self, key: str) -> Iterator[Trial]:
        given = [(ANYONE, "", False), ("the audit", self._bao.token, False)]
        for who, token, may in (*given, *self._bao.accounts):
            opened, why = self._decrypts(key, token)
            yield Trial(who, "keys", self._where, opened, may, why)

    def _decrypts(self, key: str, token: str) -> tuple[bool | None, str]:
        path = f"{self._bao.mount}/decrypt/{key}"
        try:
            answer = self._send("POST", path, _NO_CIPHERTEXT, token)
        except httpx.HTTPError as error:
            return None, type(error).__name__
        if answer.status_code == 403:
            return False, "403"
        if answer.is_success or "ciphertext" in answer.text:
            return True, f"{answer.status_code}: the right was not what it lacked"
        return None, f"{answer.status_code}: it does not say"


def allowed_by(policy: str, path: str) -> frozenset[str]:
    """Return the rights that a policy gives on a path.

    Every rule that fits the path counts, where OpenBao takes the most specific; a
    rule that denies gives nothing and takes nothing away.

    Args:
        policy: Its text, in HCL or JSON.
        path: For example `transit/decrypt/root`.
    """
    rights: set[str] = set()
    for rule, body in _rules(policy):
        if _fits(rule, path):
            rights.update(re.findall(r'"(\w+)"', body))
    return frozenset(rights & _RIGHTS)


def _rules(policy: str) -> list[tuple[str, str]]:
    """Return each rule's path and what stands in it, from JSON or HCL."""
    try:
        told = json.loads(policy)["path"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        text = re.sub(r"(?m)^\s*(#|//).*$", "", policy)
        found = re.split(r'\bpath\s+"', text)[1:]
        return [(rule, body) for rule, _, body in (one.partition('"') for one in found)]
    return [(rule, json.dumps(body)) for rule, body in told]


def _fits(rule: str, path: str) -> bool:
    """Whether a rule's path fits: `+` is one segment, `*` at the end anything."""
    parts = [re.escape(one) for one in rule.rstrip("*").split("+")]
    end = ".*" if rule.endswith("*") else ""
    return re.fullmatch("[^/]+".join(parts) + end, path) is not None


def look_at_token(library: str, label: str, pin: str = "") -> Exposure:
    """Return who may use or take away the keys of a PKCS#11 token.

    Args:
        library: Path of the token's PKCS#11 module.
        label: The token's label.
        pin: Its PIN; without, what its private keys allow is unknown.
    """
    where = f"token {label}"
    logs = {where: "unknown: a token keeps no record of uses"}
    try:
        import pkcs11
    except ImportError:
        why = f"{where}: PKCS#11 is not installed: pip install 'overt[pkcs11]'."
        return place(unknown=[why], access_logs=logs)
    try:
        found = pkcs11.lib(library).get_token(token_label=label)
        with found.open() as session:
            bare = [_attributes(pkcs11, one) for one in _keys(pkcs11, session)]
        reaches = list(_of_strangers(pkcs11, found.flags, bare, where))
        trial = Trial(_STRANGER, "keys", where, bool(bare), why=f"{len(bare)} keys")
        if not pin:
            why = f"What the keys of {where} allow is not told without its PIN."
            return place(
                reaches=reaches, trials=[trial], unknown=[why], access_logs=logs
            )
        with found.open(user_pin=pin) as session:
            held = [_attributes(pkcs11, one) for one in _keys(pkcs11, session)]
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        why = f"{where} cannot be looked at ({type(error).__name__})."
        return place(unknown=[why], access_logs=logs)
    reaches.append(Reach(_HOLDER, "keys", where, "may decrypt", expected=True))
    reaches += [
        Reach(_HOLDER, "keys", where, how) for loose in held for how in sorted(loose)
    ]
    return place(reaches=reaches, trials=[trial], access_logs=logs)


def _keys(api: Any, session: Any) -> list[Any]:
    """Return the secret keys that a session sees."""
    return list(session.get_objects({api.Attribute.CLASS: api.ObjectClass.SECRET_KEY}))


def _attributes(api: Any, key: Any) -> set[str]:
    """Return what a key allows that it must not."""
    attribute, loose = api.Attribute, set()
    for name, value, how in (
        (attribute.EXTRACTABLE, True, "a key may leave the token"),
        (attribute.SENSITIVE, False, "a key may be read in clear"),
        (attribute.NEVER_EXTRACTABLE, False, "a key could leave the token once"),
        (attribute.ALWAYS_SENSITIVE, False, "a key could be read in clear once"),
    ):
        if bool(key[name]) is value:
            loose.add(how)
    return loose


def _of_strangers(
    api: Any, flags: Any, bare: list[set[str]], where: str
) -> Iterator[Reach]:
    """Yield what needs no PIN, or the maker's."""
    if not flags & api.TokenFlag.LOGIN_REQUIRED:
        yield Reach(_STRANGER, "keys", where, "the token asks for no PIN")
    if flags & api.TokenFlag.USER_PIN_TO_BE_CHANGED:
        yield Reach(_STRANGER, "keys", where, "the PIN is the maker's still")
    for how in sorted({"a key needs no PIN"} | set().union(*bare) if bare else set()):
        yield Reach(_STRANGER, "keys", where, how)
