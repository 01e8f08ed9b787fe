"""The programme: what may be recorded, for what, by whose leave.

A programme is a JSON document signed by the programme keys (`programme.v1`), made
from a steward's TOML file. Devices pin the programme keys by their invitation and
trust nothing that does not lead up to them: roster, notice, allow-list, service keys.
Specified in docs/spec/programme.md.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from overt.protocol.allow import AllowRule as AllowRule  # noqa: PLC0414 - a part of a programme
from overt.protocol.allow import is_never_recorded, rule_problems
from overt.protocol.canonical import Json, canonical_bytes, sha256_hex
from overt.protocol.errors import DataError, SealError, UsageError
from overt.protocol.forms import read_form
from overt.protocol.passkeys import Passkey, passkey_problems
from overt.protocol.records import Level
from overt.protocol.signing import (
    public_key,
    sign_document,
    trusted_keys,
    verify_document,
)
from overt.protocol.tlog import witness_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

Role = Literal[
    "steward", "approver", "researcher", "auditor", "operator", "representative",
    "exposure",
]  # fmt: skip
ROLES: tuple[Role, ...] = (
    "steward", "approver", "researcher", "auditor", "operator", "representative",
    "exposure",
)  # fmt: skip
DATA_TYPES = ("input", "screen", "context")
SERVICES = ("lease", "receipt", "log")
FORBIDDEN_PURPOSES = (
    "performance-review", "discipline", "dismissal", "productivity-scoring",
    "emotion-inference", "individual-monitoring", "hr-matching",
)  # fmt: skip
OWN_PURPOSE = "own"  # of participants' reads of what is theirs, in the log
MAX_LEASE_S = 15 * 60


@dataclass(frozen=True, slots=True)
class Purpose:
    """One purpose that a participant consents to, or not."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice to participants; a new version asks for fresh consent."""

    version: str
    language: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of language, version and text."""
        return sha256_hex(canonical_bytes(asdict(self)))


@dataclass(frozen=True, slots=True)
class Dpia:
    """The data protection impact assessment on record.

    Attributes:
        reference: Where the assessment lies, in the controller's words.
        author: Who signed it.
        date: When, `YYYY-MM-DD`.
        covers: `Programme.configuration_digest` of what it assessed.
    """

    reference: str
    author: str
    date: str
    covers: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody on the roster.

    Attributes:
        name: How the programme calls them, unique.
        roles: Their roles.
        key: base64url Ed25519 public key that signs their requests and approvals.
        human: One id per human: two accounts of one person have the same.
        passkeys: What signs their approvals in a browser.
        manages: Whether they manage somebody who may be recorded; such a member
            approves nothing.
    """

    name: str
    roles: tuple[Role, ...]
    key: str
    human: str
    passkeys: tuple[Passkey, ...] = ()
    manages: bool = False


@dataclass(frozen=True, slots=True)
class Witness:
    """An outside witness of the log; without its cosignature nothing is released.

    Attributes:
        url: Where it takes heads, without `/add-checkpoint`.
        key: Its verifier key, `name+hash+base64` (C2SP tlog-cosignature).
    """

    url: str
    key: str


@dataclass(frozen=True, slots=True)
class Programme:
    """A whole programme, as signed.

    Attributes:
        programme: Programme id.
        version: Counts up; a device refuses an older one than it has seen.
        title: In a few words.
        controller: Who is responsible, with contact.
        purposes: What recordings may be used for.
        notice: What participants are told.
        dpia: The assessment of exactly this configuration.
        allow: What may be recorded; everything else is not.
        data_types: Which of input, screen, context are asked for.
        retention_days: After how many days segments expire.
        regions: Where data may be processed, for example `EU`.
        min_cohort: Smallest number of people that a grant may cover.
        lease_s: How long a device may record without fresh programme state.
        threshold: How many programme keys sign.
        roster: Who has which role.
        services: Public keys of the vault: `lease`, `receipt`, `log`.
        approvals: What signs an approval: `key` (a key file or a passkey), or
            `passkey` alone.
        policies: SHA-256 of the access policies in force; a server with others
            decides nothing.
        witnesses: Who cosigns the log's heads; each of them has to.
    """

    programme: str
    version: int
    title: str
    controller: str
    purposes: tuple[Purpose, ...]
    notice: Notice
    dpia: Dpia
    allow: tuple[AllowRule, ...]
    data_types: tuple[str, ...]
    retention_days: int
    regions: tuple[str, ...]
    min_cohort: int
    lease_s: int
    threshold: int
    roster: tuple[Member, ...]
    services: dict[str, str] = field(default_factory=dict)
    approvals: Literal["key", "passkey"] = "key"
    policies: str = ""
    witnesses: tuple[Witness, ...] = ()

    @property
    def configuration_digest(self) -> str:
        """SHA-256 of everything but the DPIA's own record."""
        body = asdict(self)
        del body["dpia"]
        return sha256_hex(canonical_bytes(body))

    @property
    def dpia_covers_this(self) -> bool:
        """Whether the DPIA was signed for exactly this configuration."""
        return self.dpia.covers == self.configuration_digest

    def level_for(self, app: str, url: str | None, title: str) -> Level:
        """Return the level of a window by class, page URL and title.

        What no rule allows is `off`; so are terminals, password managers, lock
        screens and private windows whatever the rules say. Of several rules the
        strictest holds.
        """
        if is_never_recorded(app, title):
            return Level.OFF
        levels = [rule.level for rule in self.allow if rule.matches(app, url, title)]
        return min(levels, key=list(Level).index) if levels else Level.OFF

    def needs_url(self, app: str) -> bool:
        """Whether windows of that class are allowed by page only."""
        return any(
            rule.url and fnmatchcase(app.lower(), rule.app.lower())
            for rule in self.allow
        )

    def member(self, name: str) -> Member:
        """Return a member by name.

        Raises:
            DataError: Nobody of that name is on the roster.
        """
        for member in self.roster:
            if member.name == name:
                return member
        raise DataError(f"{name!r:.60} is not on the programme's roster.")

    def members(self, role: Role) -> tuple[Member, ...]:
        """Return all members that have a role."""
        return tuple(member for member in self.roster if role in member.roles)

    def service_key(self, service: str) -> Ed25519PublicKey:
        """Return the public key of one of the vault's services.

        Raises:
            DataError: The programme names no such service.
        """
        try:
            return public_key(self.services[service])
        except KeyError as error:
            raise DataError(f"The programme names no key for {service!r}.") from error


def programme_json(programme: Programme) -> Json:
    """Return the JSON body that the programme keys sign."""
    return asdict(programme)


def parse_programme(body: Json) -> Programme:
    """Read a programme's JSON body.

    Raises:
        DataError: A field is missing, foreign or of a wrong form.
    """
    programme = read_form(Programme, body, what="A programme")
    for problem in programme_problems(programme):
        raise DataError(problem)
    return programme


def programme_from_toml(
    text: str,
    *,
    programme: str,
    services: dict[str, str],
    policies: str = "",
    version: int | None = None,
) -> Programme:
    """Read a steward's TOML file; the DPIA is taken to cover what it says.

    Args:
        text: The TOML; docs/spec/programme.md lists its tables.
        programme: The id of the programme.
        services: The vault's public keys, as its set-up printed them.
        policies: SHA-256 of the access policies that the programme keys sign.
        version: The version, whatever the file says; else what it says, or 1.

    Raises:
        UsageError: Not TOML, or a table lacks something; the message names it.
    """
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The programme file is not TOML: {error}.") from error
    values: dict[str, Any] = {
        "version": 1, "min_cohort": 5, "lease_s": 60, "threshold": 2,
        "data_types": list(DATA_TYPES), **body,
        "programme": programme, "services": services, "policies": policies,
    }  # fmt: skip
    if version is not None:
        values["version"] = version
    values["roster"] = _with_humans(values.get("roster", []))
    if isinstance(dpia := values.get("dpia"), dict):
        values["dpia"] = {
            name: item.isoformat() if isinstance(item, date) else item
            for name, item in dpia.items()
        }
    try:
        draft = parse_programme(values)
    except DataError as error:
        raise UsageError(str(error), remedy="Mend the programme file.") from error
    return parse_programme(
        values | {"dpia": values["dpia"] | {"covers": draft.configuration_digest}}
    )


def _with_humans(roster: Any) -> Any:
    """Let a member without `human` be a human of their own."""
    if not isinstance(roster, list):
        return roster
    return [
        {"human": item.get("name", ""), **item} if isinstance(item, dict) else item
        for item in roster
    ]


def programme_problems(programme: Programme) -> list[str]:
    """Return what is wrong with a programme, as sentences; empty if it is sound."""
    problems = [
        f"Purpose {purpose.id!r} is forbidden; no programme can have it."
        for purpose in programme.purposes
        if purpose.id in FORBIDDEN_PURPOSES
    ]
    if any(purpose.id == OWN_PURPOSE for purpose in programme.purposes):
        problems.append(f"{OWN_PURPOSE!r} names participants' own reads: no purpose.")
    if not programme.purposes:
        problems.append("A programme needs at least one [[purposes]].")
    if not programme.notice.text.strip():
        problems.append("A programme needs a notice with text.")
    if not 1 <= programme.lease_s <= MAX_LEASE_S:
        problems.append(f"lease_s must lie between 1 and {MAX_LEASE_S}.")
    if programme.retention_days < 1:
        problems.append("retention_days must be at least 1.")
    if programme.min_cohort < 1 or programme.threshold < 1:
        problems.append("min_cohort and threshold must be at least 1.")
    if foreign := set(programme.data_types) - set(DATA_TYPES):
        problems.append(f"Unknown data_types: {', '.join(sorted(foreign))}.")
    if set(programme.services) != set(SERVICES):
        problems.append(f"A programme names the service keys {', '.join(SERVICES)}.")
    for witness in programme.witnesses:
        witness_key(witness.key)
    return problems + _roster_problems(programme) + _rule_problems(programme)


def _roster_problems(programme: Programme) -> list[str]:
    names = [member.name for member in programme.roster]
    problems = []
    if len(set(names)) < len(names):
        problems.append("Two members of the roster have one name.")
    if len({member.key for member in programme.roster}) < len(names):
        problems.append("Two members of the roster have one key.")
    for member in programme.roster:
        if foreign := set(member.roles) - set(ROLES):
            problems.append(f"Unknown roles: {', '.join(sorted(foreign))}.")
        public_key(member.key)
        if "exposure" in member.roles and len(member.roles) > 1:
            problems.append(f"{member.name}: the exposure audit has no other role.")
    return problems + _approver_problems(programme)


def _approver_problems(programme: Programme) -> list[str]:
    managing = {member.human for member in programme.roster if member.manages}
    able = [
        member
        for member in programme.members("approver")
        if member.human not in managing
        and (programme.approvals == "key" or member.passkeys)
    ]
    problems = [
        item
        for member in programme.roster
        for passkey in member.passkeys
        for item in passkey_problems(passkey)
    ]
    names = [one.credential for member in programme.roster for one in member.passkeys]
    if len(set(names)) < len(names):
        problems.append("Two members of the roster have one passkey.")
    what = " and a passkey" if programme.approvals == "passkey" else ""
    if len({member.human for member in able}) < 2:
        problems.append(
            f"A programme needs two humans with the role approver{what} who manage"
            " no participant."
        )
    return problems


def _rule_problems(programme: Programme) -> list[str]:
    problems = [item for rule in programme.allow for item in rule_problems(rule)]
    try:
        date.fromisoformat(programme.dpia.date)
    except ValueError:
        problems.append("dpia.date must be a date like 2026-11-23.")
    return problems


def sign_programme(programme: Programme, keys: Sequence[Ed25519PrivateKey]) -> Json:
    """Return the signed programme document."""
    return sign_document("programme.v1", programme_json(programme), keys)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The programme keys that a device has pinned, and how many must sign.

    Attributes:
        programme: Programme id.
        keys: Their public halves, base64url.
        threshold: How many of them make a signature of the programme.
    """

    programme: str
    keys: tuple[str, ...]
    threshold: int

    def verify(self, envelope: Json, kind: str) -> Json:
        """Return the body of a document that the programme keys have signed.

        Raises:
            SealError: Not enough programme keys have signed.
            DataError: The document is malformed.
        """
        trusted = trusted_keys([public_key(key) for key in self.keys])
        return verify_document(envelope, kind, trusted, threshold=self.threshold)

    def programme_of(self, envelope: Json) -> Programme:
        """Return a programme that the pinned keys have signed.

        Raises:
            SealError: Not enough programme keys have signed, or it is another
                programme or has a laxer threshold.
            DataError: The document is malformed.
        """
        programme = parse_programme(self.verify(envelope, "programme.v1"))
        if programme.programme != self.programme:
            raise SealError("A signed programme document is another programme's.")
        if programme.threshold < self.threshold:
            raise SealError("A programme document lowers the pinned threshold.")
        return programme
