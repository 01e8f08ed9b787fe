"""The exposure audit of key stores: a real OpenBao, a real token of SoftHSM 2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from overt.cli.exposing import read_settings
from overt.protocol.errors import UsageError
from overt.vault.broker.kms_openbao import OpenBaoStore
from overt.vault.broker.kms_pkcs11 import Pkcs11Store
from overt.vault.exposure.keystores import (
    OpenBao,
    allowed_by,
    look_at_openbao,
    look_at_token,
)
from tests.fakes.servers import PIN, SOFTHSM, Bao, free_port, soft_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overt.vault.exposure.findings import Exposure

pytestmark = pytest.mark.loopback
BROKER = """
path "transit/keys/*" { capabilities = ["create", "update", "read", "delete"] }
path "transit/encrypt/*" { capabilities = ["update"] }
path "transit/decrypt/*" { capabilities = ["update"] }
"""
PAGE = Path(__file__).parents[3] / "docs" / "roles" / "operator.md"
AUDIT = PAGE.read_text("utf-8").split("```hcl\n")[1].split("```")[0]


class Site:
    """An OpenBao with a broker's key, its token and the audit's."""

    def __init__(self, server: Bao) -> None:
        self.server = server
        self.policy("broker", BROKER)
        self.policy("audit", AUDIT)
        self.broker = self.token("broker", "broker")
        self.audit = self.token("audit", "audit")
        store = OpenBaoStore(server.url, self.broker)
        self.key = store.make_key("overt-1-a")
        store.close()

    def policy(self, name: str, text: str) -> None:
        self._do("PUT", f"sys/policies/acl/{name}", {"policy": text})

    def token(self, name: str, *policies: str) -> str:
        body = {"policies": policies, "display_name": name}
        return str(self._do("POST", "auth/token/create", body)["auth"]["client_token"])

    def loosen(self, **how: bool) -> None:
        self._do("POST", f"transit/keys/{self.key}/config", how)

    def _do(self, method: str, path: str, body: Any) -> Any:
        answer = self.server.call(method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    def look(self, **other: Any) -> Exposure:
        told = {"address": self.server.url, "token": self.audit, "mount": "transit"}
        return look_at_openbao(OpenBao(**{**told, "policies": ("broker",), **other}))


@pytest.fixture
def site() -> Iterator[Site]:
    with Bao() as server:
        yield Site(server)


def bad(report: Exposure) -> set[tuple[str, str]]:
    found = {(one.who, one.how) for one in report.reaches if not one.expected}
    opened = (one for one in report.trials if one.opened and not one.expected)
    return found | {(one.who, "tried") for one in opened}


WAYS = ("may decrypt", "may write policies", "may loosen keys")
ROOT = {("token token (root)", how) for how in WAYS}


def test_the_brokers_token_may_decrypt_and_a_root_token_must_not_live(
    site: Site,
) -> None:
    report = site.look(accounts=(("broker", site.broker, True),))
    assert bad(report) == ROOT
    meant = {(one.who, one.how) for one in report.reaches if one.expected}
    assert ("token token-broker (broker, default)", "may decrypt") in meant
    assert ("policy broker", "may decrypt") in meant
    tried = {one.who: one.opened for one in report.trials}
    assert tried == {
        "anyone on the network": False,
        "the audit": False,
        "broker": True,
    }
    assert report.access_logs == {"OpenBao transit": "unknown: none"}


def test_every_mistake_at_openbao_is_found(site: Site) -> None:
    stranger = site.token("ci", "default")
    told = (("ci", stranger, False),)
    assert bad(site.look(accounts=told)) == ROOT
    site.policy("default", 'path "+/decrypt/*" { capabilities = ["update"] }')
    found = bad(site.look(accounts=told)) - ROOT
    assert found == {
        ("policy default", "may decrypt"),
        ("token token-ci (default)", "may decrypt"),
        ("token token-audit (audit, default)", "may decrypt"),
        ("ci", "tried"),
        ("the audit", "tried"),
    }
    site.policy("default", "# nothing")
    site.policy("ops", '{"path": {"sys/*": {"capabilities": ["create"]}}}')
    assert bad(site.look()) - ROOT == {("policy ops", "may write policies")}
    site.loosen(exportable=True, allow_plaintext_backup=True)
    assert {
        ("its administrators", "the key may be exported"),
        ("its administrators", "the key may be backed up in clear"),
    } < bad(site.look())


def test_what_openbao_does_not_tell_is_unknown(site: Site) -> None:
    report = site.look(token=site.token("blind", "default"))
    assert report.reaches == ()
    for what in ("keys", "policies", "tokens"):
        said = f"The {what} of OpenBao transit cannot be listed (403)."
        assert said in report.unknown
    away = site.look(address=f"http://127.0.0.1:{free_port()}")
    assert [one.opened for one in away.trials] == [None, None]
    assert "ConnectError" in " ".join(away.unknown)
    assert away.access_logs["OpenBao transit"].startswith("unknown")


@pytest.mark.parametrize(
    ("policy", "rights"),
    [
        ('path "transit/*" { capabilities = ["update"] }', {"update"}),
        ('path "transit/decrypt/+" {\n policy = "write"\n}', {"write"}),
        ('path "transit/encrypt/*" { capabilities = ["update"] }', set()),
        ('path "transit/decrypt" { capabilities = ["update"] }', set()),
        ('path "+/+/k" { capabilities = ["deny"] }', set()),
        ('# path "transit/*" { capabilities = ["update"] }', set()),
        ('{"path": {"*": {"capabilities": ["sudo", "read"]}}}', {"sudo", "read"}),
        ("", set()),
    ],
)
def test_policies_of_openbao_are_read_strictly(policy: str, rights: set[str]) -> None:
    assert allowed_by(policy, "transit/decrypt/k") == rights


@pytest.fixture(scope="module")
def label(tmp_path_factory: pytest.TempPathFactory) -> str:
    soft_token(tmp_path_factory.mktemp("softhsm"), "audited")
    return "audited"


def test_a_token_is_as_strict_as_its_keys(label: str) -> None:
    import pkcs11

    store = Pkcs11Store(SOFTHSM, label, PIN)
    store.make_key("overt-1-a")
    store.close()
    report = look_at_token(SOFTHSM, label, PIN)
    assert bad(report) == set()
    assert [one.who for one in report.reaches] == ["whoever knows the PIN"]
    blind = look_at_token(SOFTHSM, label)
    assert blind.unknown == (
        "What the keys of token audited allow is not told without its PIN.",
    )
    assert bad(blind) == set()

    attribute = pkcs11.Attribute
    found = pkcs11.lib(SOFTHSM).get_token(token_label=label)
    for loose in (
        {attribute.EXTRACTABLE: True, attribute.PRIVATE: True},
        {attribute.SENSITIVE: False, attribute.PRIVATE: False},
    ):
        with found.open(user_pin=PIN, rw=True) as session:
            session.generate_key(
                pkcs11.KeyType.AES, 256, label="x", store=True, template=loose
            )
    holder, stranger = "whoever knows the PIN", "anyone with the module"
    found_bad = bad(look_at_token(SOFTHSM, label, PIN))
    assert {
        (holder, "a key may leave the token"),
        (holder, "a key may be read in clear"),
        (stranger, "a key needs no PIN"),
        (stranger, "a key may be read in clear"),
        (stranger, "tried"),
    } <= found_bad
    assert (stranger, "a key needs no PIN") in bad(look_at_token(SOFTHSM, label))


def test_a_token_that_is_not_there_is_unknown(label: str) -> None:
    for report in (
        look_at_token(SOFTHSM, "gone"),
        look_at_token("/nowhere.so", label),
        look_at_token(SOFTHSM, label, "9999"),
    ):
        assert len(report.unknown) == 1
        assert "cannot be looked at" in report.unknown[0]
        assert PIN not in str(report)


def test_the_settings_of_the_operators_page_are_read(tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    found = read_settings(tmp_path / "settings.toml")
    assert [one.label for one in found.tokens] == ["overt"]
    assert [(one.mount, one.policies) for one in found.openbao] == [
        ("transit", ("overt-broker",))
    ]
    (tmp_path / "settings.toml").write_text("[[openbao]]\naddress = 1\n")
    with pytest.raises(UsageError, match=r"settings\.toml"):
        read_settings(tmp_path / "settings.toml")
