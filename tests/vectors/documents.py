"""Vectors of the signed documents, of invitations and of key files."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from book import EXPIRES_UTC_S, PASSPHRASE, Book, an_id, pretty, sealer, signer

from overt.protocol import consent, derived, grants, halt, keyfile, ownread, recovery
from overt.protocol import invitation as invitations
from overt.protocol import programme as programmes
from overt.protocol import records as r
from overt.protocol.canonical import b64
from overt.protocol.signing import device_id, public_text, sign_document
from tests.fakes.authenticator import UP, Authenticator

PASSKEY = Authenticator("https://vault.example", "vectors")


def the_programme() -> programmes.Programme:
    roles = {
        "steward": ("steward",),
        "representative": ("representative", "approver"),
        "approver": ("approver",),
        "researcher": ("researcher",),
    }
    draft = programmes.Programme(
        programme=an_id("prog"),
        version=1,
        title="Office work",
        controller="Example Ltd, privacy@example.org",
        purposes=(programmes.Purpose("train-agents", "Train agents", "Learn tasks."),),
        notice=programmes.Notice("1", "en", "What is recorded, and why."),
        dpia=programmes.Dpia("DPIA-7", "dpo", "2026-11-01"),
        allow=(programmes.AllowRule("chromium*", r.Level.CLEAR, "http://127.0.0.1/a"),),
        data_types=programmes.DATA_TYPES,
        retention_days=30,
        regions=("EU",),
        min_cohort=5,
        lease_s=60,
        threshold=2,
        roster=tuple(
            programmes.Member(
                name,
                of,
                public_text(signer(name).public_key()),
                name,
                (PASSKEY.passkey,) if name == "representative" else (),
            )
            for name, of in roles.items()
        ),
        services={
            name: public_text(signer(name).public_key()) for name in programmes.SERVICES
        },
    )
    covered = replace(draft.dpia, covers=draft.configuration_digest)
    return replace(draft, dpia=covered)


def add_programmes(book: Book, programme: programmes.Programme) -> None:
    keys = [signer("programme-1"), signer("programme-2")]
    body = programmes.programme_json(programme)

    def signed(**changes: Any) -> bytes:
        return pretty(sign_document("programme.v1", body | changes, keys))

    book.valid("programme.json", "programme", "a signed programme", signed())
    one = sign_document("programme.v1", body, keys[:1])
    book.bad(
        "programme-one.json",
        "programme",
        "one signature of two",
        pretty(one),
        "SealError",
        "2 are needed",
    )
    twice = sign_document("programme.v1", body, keys[:1] * 2)
    book.bad(
        "programme-twice.json",
        "programme",
        "one key signs twice",
        pretty(twice),
        "SealError",
        "2 are needed",
    )
    book.bad(
        "programme-threshold.json",
        "programme",
        "a lower threshold",
        signed(threshold=1),
        "SealError",
        "lowers the pinned threshold",
    )
    scoring = [asdict(programme.purposes[0]) | {"id": "productivity-scoring"}]
    book.bad(
        "programme-purpose.json",
        "programme",
        "a forbidden purpose",
        signed(purposes=scoring),
        "DataError",
        "forbidden",
    )
    book.bad(
        "programme-lease.json",
        "programme",
        "a lease of a day",
        signed(lease_s=86400),
        "DataError",
        "lease_s must lie",
    )
    book.bad(
        "programme-type.json",
        "programme",
        "a number as a text",
        signed(retention_days="30"),
        "DataError",
        "retention_days",
    )
    book.bad(
        "programme-field.json",
        "programme",
        "a foreign field",
        signed(idle_after_s=300),
        "DataError",
        "'idle_after_s'",
    )
    key = invitations.sign_person_key(
        programme.programme, an_id("part"), sealer("person").public, keys
    )
    anchor = programmes.Anchor(
        programme.programme, tuple(public_text(one.public_key()) for one in keys), 2
    )
    invitation = invitations.invitation_json(
        invitations.Invitation(
            anchor, "https://vault.example", an_id("part"), "a" * 26, key, EXPIRES_UTC_S
        )
    )
    book.valid("invitation.json", "invitation", "an invitation", pretty(invitation))
    book.bad(
        "invitation-person.json",
        "invitation",
        "another person's vault key",
        pretty(invitation | {"person": an_id("part", "b")}),
        "SealError",
        "signed for somebody else",
    )
    book.bad(
        "invitation-anchor.json",
        "invitation",
        "one pinned key only",
        pretty(invitation | {"anchor": asdict(anchor) | {"keys": anchor.keys[:1]}}),
        "SealError",
        "2 are needed",
    )


def add_consents(book: Book, programme: programmes.Programme) -> None:
    device = signer("device")
    record = consent.ConsentRecord(
        an_id("cons"),
        consent.SCHEMA,
        programme.programme,
        1,
        programme.controller,
        an_id("part"),
        an_id("dev"),
        "1",
        programme.notice.digest,
        {"train-agents": True},
        {"input": True, "screen": True, "context": False},
        30,
        "2026-11-23T10:00:00Z",
    )
    body = asdict(record)
    document = consent.sign_consent(record, device)
    book.valid("consent.json", "consent", "a consent record", pretty(document))

    def bad(name: str, what: str, value: Any, error: str, says: str) -> None:
        book.bad(f"consent-{name}.json", "consent", what, pretty(value), error, says)

    bad(
        "number",
        "a decision that is a number",
        sign_document("consent.v1", body | {"purposes": {"train-agents": 1}}, [device]),
        "DataError",
        "purposes: train-agents",
    )
    bad(
        "schema",
        "another schema",
        sign_document("consent.v1", body | {"schema": "x"}, [device]),
        "DataError",
        "another schema",
    )
    bad(
        "foreign",
        "signed by another device",
        consent.sign_consent(record, signer("stranger")),
        "SealError",
        "1 are needed",
    )
    payload = document["payload"].replace(document["payload"][40], "A", 1)
    bad(
        "altered",
        "an altered payload",
        document | {"payload": payload},
        "SealError",
        "1 are needed",
    )
    bad(
        "spelling",
        "a payload with padding",
        document | {"payload": document["payload"] + "="},
        "DataError",
        "not base64url",
    )
    withdrawal = consent.Withdrawal(
        an_id("cons"),
        an_id("part"),
        an_id("dev"),
        erase=True,
        given_utc="2026-11-24T10:00:00Z",
    )
    other = consent.sign_withdrawal(withdrawal, device)
    book.valid("withdrawal.json", "withdrawal", "a withdrawal", pretty(other))
    bad("type", "a withdrawal in its place", other, "DataError", "is of type")
    digest = consent.document_digest(document)
    receipt = consent.Receipt(
        an_id("rcpt"),
        "consent",
        record.record,
        digest,
        programme.programme,
        7,
        "2026-11-23",
    )
    book.valid(
        "receipt.json",
        "receipt",
        "the receipt of consent.json",
        pretty(consent.sign_receipt(receipt, signer("receipt"))),
    )
    elsewhere = replace(receipt, digest="0" * 64)
    book.bad(
        "receipt-digest.json",
        "receipt",
        "a receipt of other bytes",
        pretty(consent.sign_receipt(elsewhere, signer("receipt"))),
        "SealError",
        "for something else",
    )
    book.bad(
        "receipt-signer.json",
        "receipt",
        "signed by the lease issuer",
        pretty(consent.sign_receipt(receipt, signer("lease"))),
        "SealError",
        "1 are needed",
    )
    strange = sign_document(
        "receipt.v1", asdict(receipt) | {"kind": "promise"}, [signer("receipt")]
    )
    book.bad(
        "receipt-kind.json",
        "receipt",
        "of an unknown kind",
        pretty(strange),
        "DataError",
        "kind is none of",
    )
    lease = consent.Lease(programme.programme, 1, "running", "", "a" * 22, 60)
    book.valid(
        "lease.json",
        "lease",
        "a lease",
        pretty(consent.sign_lease(lease, signer("lease"))),
    )
    book.bad(
        "lease-nonce.json",
        "lease",
        "the answer to another nonce",
        pretty(consent.sign_lease(replace(lease, nonce="b" * 22), signer("lease"))),
        "SealError",
        "another request",
    )


def add_access(book: Book, programme: programmes.Programme) -> None:
    request = grants.AccessRequest(
        an_id("req"),
        programme.programme,
        "researcher",
        "train-agents",
        "a first agent",
        (),
        ("input", "screen"),
        "clear",
        "EU",
        EXPIRES_UTC_S,
        b64(sealer("job").public.raw),
    )
    document = grants.sign_request(request, signer("researcher"))
    book.valid("request.json", "request", "an access request", pretty(document))
    book.bad(
        "request-signer.json",
        "request",
        "signed by the approver",
        pretty(grants.sign_request(request, signer("approver"))),
        "SealError",
        "1 are needed",
    )

    def approval(name: str, signed_by: str = "") -> bytes:
        given = grants.Approval(
            consent.document_digest(document),
            name,
            "approve",
            "",
            "2026-11-23T10:00:00Z",
        )
        return pretty(grants.sign_approval(given, signer(signed_by or name)))

    book.valid("approval-1.json", "approval", "the approver's", approval("approver"))
    book.valid(
        "approval-2.json",
        "approval",
        "the representative's",
        approval("representative"),
    )
    book.bad(
        "approval-role.json",
        "approval",
        "the researcher's",
        approval("researcher"),
        "GovernError",
        "is not an approver",
    )
    book.bad(
        "approval-forged.json",
        "approval",
        "the approver signs for another",
        approval("representative", "approver"),
        "SealError",
        "1 are needed",
    )
    add_passkey_approvals(book, consent.document_digest(document))
    order = halt.HaltOrder(
        programme.programme, "halted", "a wrong permission", "2026-11-23T10:00:00Z"
    )
    book.valid(
        "halt.json",
        "halt",
        "one person's halt",
        pretty(halt.sign_halt(order, [signer("steward")])),
    )
    lift = replace(order, state="running")
    two = [signer("steward"), signer("representative")]
    book.valid(
        "halt-lifted.json",
        "halt",
        "two people lift it",
        pretty(halt.sign_halt(lift, two)),
    )
    book.bad(
        "halt-one.json",
        "halt",
        "one person lifts it",
        pretty(halt.sign_halt(lift, two[:1])),
        "GovernError",
        "takes two people",
    )


def add_key_file(book: Book) -> None:
    kept = book.kept("key.json")
    about = {"kind": "participant", "public": b64(sealer("person").public.raw)}
    file = (
        json.loads(kept)
        if kept
        else keyfile.lock_secret(sealer("person").raw, PASSPHRASE, about)
    )
    book.valid(
        "key.json", "key", f"a key file, passphrase {PASSPHRASE!r}", pretty(file)
    )
    swapped = file | {"about": about | {"kind": "member"}}
    book.bad(
        "key-about.json",
        "key",
        "what it is is altered",
        pretty(swapped),
        "SealError",
        "altered",
    )
    costly = file | {"kdf": file["kdf"] | {"n": 1 << 30}}
    book.bad(
        "key-cost.json",
        "key",
        "a derivation of a terabyte",
        pretty(costly),
        "DataError",
        "out of bounds",
    )
    wide = file | {"kdf": file["kdf"] | {"p": 1 << 10}}
    book.bad(
        "key-lanes.json",
        "key",
        "a derivation of an hour",
        pretty(wide),
        "DataError",
        "out of bounds",
    )
    without = {name: one for name, one in file["kdf"].items() if name != "p"}
    book.bad(
        "key-lacks.json",
        "key",
        "a derivation without p",
        pretty(file | {"kdf": without}),
        "DataError",
        "not an overt key file",
    )


def add_passkey_approvals(book: Book, digest: str) -> None:
    given = grants.Approval(
        digest, "representative", "approve", "", "2026-11-23T10:00:00Z"
    )

    def signed(**odd: Any) -> bytes:
        return pretty(PASSKEY.sign("approval.v1", asdict(given), **odd))

    book.valid("approval-passkey.json", "approval", "by passkey", signed())
    for name, about, odd in (
        ("challenge", "a passkey signs another document", {"challenge": bytes(32)}),
        ("origin", "a passkey signs on other pages", {"origin": "https://b.example"}),
        ("unverified", "a passkey whose user is not verified", {"flags": UP}),
    ):
        book.bad(
            f"approval-passkey-{name}.json",
            "approval",
            about,
            signed(**odd),
            "SealError",
            "has not signed these bytes",
        )


def add_derived(book: Book) -> None:
    made = derived.Derived(
        an_id("ds"), "dataset", an_id("req"), "ab" * 32, "researcher", "cd" * 32,
        an_id("key"), (an_id("seg"),), (), an_id("rel"),
    )  # fmt: skip
    model = replace(made, derived="model-1", kind="model", segments=(), made_of=("x",),
                    release="")  # fmt: skip
    wish = derived.Export(
        an_id("ds"), an_id("req"), "Example Ltd", "researcher", "2026-11-23T10:00:00Z"
    )
    found = derived.Decision("model-1", "kept", "A small part.", "2026-11-23T10:00:00Z")
    by, two = signer("researcher"), [signer("steward"), signer("representative")]
    book.valid("derived.json", "derived", "a dataset",
               pretty(derived.sign_derived(made, by)))  # fmt: skip
    book.valid("derived-model.json", "derived", "a model",
               pretty(derived.sign_derived(model, by)))  # fmt: skip
    book.bad("derived-empty.json", "derived", "a dataset of no segment",
             pretty(derived.sign_derived(replace(made, segments=()), by)),
             "DataError", "names its segments")  # fmt: skip
    book.bad("derived-forged.json", "derived", "signed by the approver",
             pretty(derived.sign_derived(made, signer("approver"))),
             "SealError", "1 are needed")  # fmt: skip
    book.valid("export.json", "export", "an export in clear",
               pretty(derived.sign_export(wish, by)))  # fmt: skip
    book.valid("decision.json", "decision", "two people keep a model",
               pretty(derived.sign_decision(found, two)))  # fmt: skip
    book.bad("decision-one.json", "decision", "a steward alone",
             pretty(derived.sign_decision(found, two[:1])),
             "SealError", "1 are needed")  # fmt: skip


def add_exposure(book: Book) -> None:
    def agreed(who: str = "steward", **changes: Any) -> bytes:
        reach = {"who": "backup", "what": "segments", "where": "/srv/backup/*"}
        body = {"programme": an_id("prog"), "agreed": [reach]} | changes
        return pretty(sign_document("exposure-agreed.v1", body, [signer(who)]))

    book.valid("exposure-agreed.json", "exposure-agreed", "a steward's", agreed())
    book.valid("exposure-agreed-2.json", "exposure-agreed", "the representative's",
               agreed("representative"))  # fmt: skip
    book.bad("exposure-agreed-forged.json", "exposure-agreed", "a researcher's",
             agreed("researcher"), "SealError", "1 are needed")  # fmt: skip
    book.bad("exposure-agreed-other.json", "exposure-agreed", "another programme's",
             agreed(programme=an_id("prog", "b")),
             "DataError", "another programme's")  # fmt: skip
    book.bad("exposure-agreed-list.json", "exposure-agreed", "no list",
             agreed(agreed={"who": "*"}), "DataError", "is no list")  # fmt: skip
    book.bad("exposure-agreed-field.json", "exposure-agreed", "a pattern without where",
             agreed(agreed=[{"who": "*", "what": "*"}]),
             "DataError", "where")  # fmt: skip


def add_own(book: Book) -> None:
    device = signer("device")
    key = device.public_key()
    read = ownread.OwnRead(
        an_id("own"), an_id("prog"), an_id("part"), device_id(key), public_text(key),
        b64(sealer("own").public.raw), (an_id("seg"),), "", "2026-11-23T10:00:00Z",
    )  # fmt: skip
    book.valid("own-read.json", "own-read", "a device asks for what it sent",
               pretty(ownread.sign_own_read(read, device)))  # fmt: skip
    late = replace(read, given_utc="2026-11-23T10:05:00Z")
    book.bad("own-read-late.json", "own-read", "five minutes off",
             pretty(ownread.sign_own_read(late, device)),
             "GovernError", "time is off")  # fmt: skip
    forged = sign_document("own-read.v1", asdict(read), [signer("stranger")])
    book.bad("own-read-forged.json", "own-read", "signed by another key than it names",
             pretty(forged), "SealError", "1 are needed")  # fmt: skip
    wish = recovery.Recovery(
        an_id("rcv"), an_id("prog"), an_id("part"), device_id(key),
        public_text(signer("stranger").public_key()), read.own,
        "2026-11-23T10:00:00Z",
    )  # fmt: skip
    asked = recovery.sign_recovery(wish, signer("stranger"))
    both = recovery.cosign_recovery(asked, signer("representative"))
    book.valid("own-recovery.json", "own-recovery",
               "a new key and the representative", pretty(both))  # fmt: skip
    book.bad("own-recovery-alone.json", "own-recovery", "the new key alone",
             pretty(asked), "SealError", "No representative")  # fmt: skip
    book.bad("own-recovery-cosigner.json", "own-recovery", "a steward beside it",
             pretty(recovery.cosign_recovery(asked, signer("steward"))),
             "SealError", "No representative")  # fmt: skip
    no = recovery.Objection(
        wish.recovery, an_id("prog"), read.key, "2026-11-23T10:00:00Z"
    )
    book.valid("own-objection.json", "own-objection", "a device's no",
               pretty(recovery.sign_objection(no, device)))  # fmt: skip
    book.bad("own-objection-forged.json", "own-objection",
             "signed by another key than it names",
             pretty(recovery.sign_objection(no, signer("stranger"))),
             "SealError", "1 are needed")  # fmt: skip
