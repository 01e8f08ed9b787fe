"""A vault in memory that answers the routes of protocol/routes.py, over loopback.

It verifies what the real one verifies of a device, and can be told to be away, to
halt, to answer wrongly. It stores what it was sent, so that tests can look.
"""

import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import routes
from overt.protocol.calls import parse_call, verify_call
from overt.protocol.canonical import canonical_bytes, sha256_hex
from overt.protocol.consent import (
    Lease,
    Receipt,
    document_digest,
    sign_lease,
    sign_receipt,
    verify_consent,
    verify_withdrawal,
)
from overt.protocol.errors import DataError, GovernError, OvertError, VaultError
from overt.protocol.ids import new_id
from overt.protocol.invitation import Invitation, invitation_json, sign_person_key
from overt.protocol.programme import Anchor, Dpia, programme_from_toml, sign_programme
from overt.protocol.sealing import SealingKey, parse_sealed, verify_sealed
from overt.protocol.signing import public_key, public_text, verify_document

_TOML = """
title = "Form filling"
controller = "Example Works, privacy@example.org"
retention_days = 30
regions = ["EU"]
lease_s = 3
[[purposes]]
id = "train-agents"
title = "Training agents"
text = "Agents learn to fill in forms."
[[purposes]]
id = "improve-forms"
title = "Better forms"
text = "We find out where forms are unclear."
[notice]
version = "1"
language = "en"
text = "We record the form pages that you work on, and nothing else."
[dpia]
reference = "DPIA-7"
author = "A. Steward"
date = "2026-11-01"
[[allow]]
app = "Allowed"
level = "clear"
"""


class FakeVault:
    def __init__(self) -> None:
        self.programme_keys = [Ed25519PrivateKey.generate() for _ in range(2)]
        self.services = {
            name: Ed25519PrivateKey.generate() for name in ("lease", "receipt", "log")
        }
        self.person, self.person_key = new_id("part"), SealingKey.generate()
        self.devices, self.segments, self.documents = {}, {}, []
        self.away, self.state, self.reason = False, "running", ""
        self.overrides, self.calls, self.puts_until_away = {}, [], None
        self.reads = []
        self.programme = self._first_programme()
        self.code = "code-of-a-test"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _first_programme(self) -> Any:
        keys = [Ed25519PrivateKey.generate() for _ in range(4)]
        roster = "".join(
            f'[[roster]]\nname = "m{place}"\nroles = ["approver"]\n'
            f'key = "{public_text(key.public_key())}"\n'
            for place, key in enumerate(keys)
        )
        services = {
            name: public_text(key.public_key()) for name, key in self.services.items()
        }
        return programme_from_toml(
            _TOML + roster, programme=new_id("prog"), services=services
        )

    @property
    def anchor(self) -> Any:
        keys = tuple(public_text(key.public_key()) for key in self.programme_keys)
        return Anchor(self.programme.programme, keys, 2)

    def invitation(self, **changes: Any) -> Any:
        signed = sign_person_key(
            self.programme.programme,
            self.person,
            self.person_key.public,
            self.programme_keys,
        )
        made = Invitation(
            self.anchor, self.url, self.person, self.code, signed,
            int(time.time()) + 3600,
        )  # fmt: skip
        return json.loads(json.dumps(invitation_json(replace(made, **changes))))

    def change(self, **changes: Any) -> None:
        """Put a newer programme in force, covered by its DPIA."""
        draft = replace(self.programme, version=self.programme.version + 1, **changes)
        dpia = Dpia("DPIA-8", "A. Steward", "2026-11-02", draft.configuration_digest)
        self.programme = replace(draft, dpia=dpia)

    def receipt(self, kind: Any, subject: Any, digest: Any) -> Any:
        body = Receipt(
            new_id("rcpt"), kind, subject, digest, self.programme.programme,
            len(self.documents), "2026-11-23",
        )  # fmt: skip
        return sign_receipt(body, self.services["receipt"])

    def answer(self, method: Any, target: Any, authorization: Any, body: Any) -> Any:
        """Return status and JSON body."""
        self.calls.append((method, target))
        if (method, target) in self.overrides:
            return self.overrides[method, target]
        if self.away:
            return 503, {"error": "The store is away.", "remedy": "", "code": "x"}
        try:
            return 200, self._route(method, target, authorization, body)
        except OvertError as error:
            kind = type(error).__name__
            return 403, {"error": str(error), "remedy": error.remedy, "code": kind}

    def _route(self, method: Any, target: Any, authorization: Any, body: Any) -> Any:
        if (method, target) == ("GET", routes.PROGRAMME):
            return sign_programme(self.programme, self.programme_keys)
        if (method, target) in self._facts():
            return self._facts()[method, target]
        if (method, target) == ("POST", routes.ENROL):
            return self._enrol(json.loads(body))
        key = self._caller(method, target, authorization, body)
        if (method, target) == ("GET", routes.READERS):
            return {"reads": self.reads, "checkpoint": "example\n1\nroot\n"}
        if method == "PUT" and target.startswith(routes.SEGMENTS):
            return self._segment(target.rpartition("/")[2], body, key)
        return self._paper(target, json.loads(body), key)

    def _facts(self) -> Any:
        pulse = f"{self.state} {self.programme.version}"
        return {
            ("GET", routes.HEALTH): {"ok": True},
            ("GET", routes.PULSE): {"pulse": pulse},
            # of a log that is not there
            ("GET", f"{routes.ENTRIES}?start=0"): {"entries": self.reads},
        }

    def _enrol(self, document: Any) -> Any:
        claimed = json.loads(_payload(document))
        key = public_key(claimed["key"])
        facts = verify_document(document, "enrolment.v1", _trust(key))
        if facts["code"] != self.code:
            raise GovernError("The code admits nobody.")
        self.devices[_name(key)] = key
        self.documents.append(document)
        return self.receipt("enrolment", facts["device"], document_digest(document))

    def _caller(self, method: Any, target: Any, authorization: Any, body: Any) -> Any:
        proof = parse_call(authorization or "")
        key = self.devices.get(proof.key_id)
        if key is None:
            raise GovernError("The device is not known.")
        verify_call(
            proof, key, method=method, target=target, body=body,
            now_utc_s=int(time.time()),
        )  # fmt: skip
        return key

    def _paper(self, target: Any, document: Any, key: Any) -> Any:
        if target == routes.LEASE:
            lease = Lease(
                self.programme.programme, self.programme.version, self.state,
                self.reason, document["nonce"], self.programme.lease_s,
            )  # fmt: skip
            return sign_lease(lease, self.services["lease"])
        self.documents.append(document)
        digest = document_digest(document)
        if target == routes.CONSENTS:
            record = verify_consent(document, key).record
            return self.receipt("consent", record, digest)
        if target == routes.WITHDRAWALS:
            record = verify_withdrawal(document, key).record
            return self.receipt("withdrawal", record, digest)
        raise VaultError("There is no such route.")

    def _segment(self, segment: Any, body: Any, key: Any) -> Any:
        if self.puts_until_away is not None:
            self.puts_until_away -= 1
            self.away = self.puts_until_away <= 0
        sealed = parse_sealed(body)
        verify_sealed(sealed, key)
        if sealed.header.segment != segment:
            raise DataError("The segment has another id than its route.")
        if self.segments.setdefault(segment, body) != body:
            raise VaultError("Another segment has this id.")
        return self.receipt("segment", segment, sha256_hex(body))


def _payload(document: Any) -> Any:
    from overt.protocol.canonical import unb64

    return unb64(document["payload"], what="a payload")


def _trust(key: Any) -> Any:
    from overt.protocol.signing import trusted_keys

    return trusted_keys([key])


def _name(key: Any) -> Any:
    from overt.protocol.signing import key_id

    return key_id(key)


def _handler(vault: Any) -> Any:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            status, answer = vault.answer(
                self.command, self.path, self.headers.get("Authorization"), body
            )
            raw = answer if isinstance(answer, bytes) else canonical_bytes(answer)
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - http.server's names

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


PASSPHRASE = "a long enough passphrase"  # noqa: S105 - of a test alone


def enrolled(vault: FakeVault, folder: Path) -> SimpleNamespace:
    """An enrolled participant: home, identity, enrolment, programme, client."""
    from overt.recorder.person.enrol import enrol, load_programme, read_invitation
    from overt.recorder.person.home import Home
    from overt.recorder.person.identity import unlock
    from overt.recorder.person.vault_client import VaultClient

    home = Home(folder)
    invitation = read_invitation(vault.invitation(), now_utc_s=int(time.time()))
    with VaultClient(vault.url) as client:
        enrolment = enrol(home, invitation, PASSPHRASE, client)
    identity = unlock(home, PASSPHRASE)
    return SimpleNamespace(
        home=home,
        identity=identity,
        enrolment=enrolment,
        programme=load_programme(home, enrolment),
        client=VaultClient(vault.url, identity.device),
    )
