"""The vault's HTTP routes, as clients and servers share them.

Bodies are JSON unless said otherwise; a signed document is a DSSE envelope
(`signing.py`). `signed call` means the Authorization header of `calls.py`. Errors are
JSON `{"error": sentence, "remedy": sentence, "code": class name}` with a status of 4xx
(400 malformed, 401 not signed, 403 forbidden, 404, 408 too slow, 409 conflict or
replay, 413, 423 halted) or 503.

| route | caller | body | answer |
|---|---|---|---|
| GET PROGRAMME | anyone | | signed `programme.v1` |
| POST PROGRAMME | steward, signed call | the next version, `programme.v1` | {version} |
| POST ENROL | invited device | `enrolment.v1`, signed by the device's new key: {programme, code, person, device, key} | receipt `enrolment` |
| POST LEASE | device, signed call | {nonce} | signed `lease.v1` |
| POST CONSENTS | device, signed call | `consent.v1` | receipt `consent` |
| POST WITHDRAWALS | device, signed call | `withdrawal.v1` | receipt `withdrawal` |
| PUT SEGMENTS/{segment} | device, signed call | sealed bytes | receipt `segment`; the same bytes again: the same receipt |
| GET PULSE | anyone | | {"pulse": text}: another text when a halt, a lifting or a new programme is in force; unsigned, it only makes a device ask for a lease |
| GET WORD | device, signed call | | {"order": signed `halt.v1` in force, or null} |
| GET READERS | device, signed call | | {"reads": [{log_index, day, purpose, requester, request, segment}], "derived": [as of GET DERIVED], "checkpoint": text} |
| GET OWN | device, signed call | | {"segments": [{segment, device, day, size_bytes}]}: what the vault holds of the caller's person |
| POST OWN | device, signed call | `own-read.v1` | stream of `release.py`, sealed to the participant's own key; the broker's answer, passed on |
| POST RECOVERIES | representative, signed call | `own-recovery.v1`, signed by the new device and the representative | {recovery, opens_utc, log_index}: its notice is on the log |
| POST OBJECTIONS | device, signed call | `own-objection.v1` | {log_index}: the recovery is stopped |
| GET ENTRIES?start=N | device, signed call | | {"entries": [{number, salt, entry}], "next": int or null}: entries of the log about the caller from number N on, erased ones left out; `entry` is canonical JSON as text |
| POST INVITATIONS | steward, signed call | {person, code_sha256, person_key, expires_utc_s} | {} |
| POST REQUESTS | researcher, signed call | `access-request.v1` | {request, digest} |
| GET REQUESTS | researcher, approver, steward, auditor; signed call | | {"requests": [{request, document, digest, state, approvals: [documents]}]}; a researcher's own alone |
| POST REQUESTS/{request}/approvals | approver, signed call | `approval.v1` | {state} |
| POST DERIVED | researcher, signed call | `derived.v1` | {derived, state} |
| GET DERIVED | researcher, approver, steward, representative, auditor; signed call | | {"derived": [{derived, kind, request, researcher, purpose, day, state}]}; a researcher's own alone |
| POST DERIVED_DECISIONS | steward or representative, signed call | `derived-decision.v1`, signed by both | {derived, state} |
| POST EXPORTS | researcher, signed call | `export.v1` | {log_index, recipient}: the export is on the log |
| POST HALTS | steward, representative or exposure audit, signed call | `halt.v1` | {state} |
| GET STATE | steward, auditor, representative, operator; signed call | | {state, reason, version, devices, consents, segments, reads, requests}; counts of people below 5 are null |
| GET LOG/checkpoint, LOG/witnessed, LOG/tile/... | anyone | | C2SP tlog-tiles; `witnessed` is the last head that every witness cosigned |
| GET HEALTH | anyone | | {"ok": true}: the server runs |
| GET READY | anyone | | {"ok": true}: it can work; 503 while its database or its log cannot be read |

The broker, a process with an address of its own:

| route | caller | body | answer |
|---|---|---|---|
| POST PERSON_KEYS | steward, signed call | {} | {person, public}: a fresh pseudonym and the public half of its vault key |
| POST RELEASES | researcher, signed call | {request, version: 3} | stream of `release.py` |
| POST DERIVED_KEYS | researcher, signed call | {request} | {key, public}: id and public half of a fresh key for something derived under that request |
| POST OPENINGS | researcher, signed call | {derived} | {derived, key}: the private half, a sealed file for the job, base64url; each contributor's read of it is on the log |
| POST APPENDS | vault server, service token | {entries: [object]} | {indices: [int]} |
| POST LATEST | vault server, service token | {} | {order, version}: SHA-256 of the last halt order, empty before the first, and the newest version of the programme, 0 before the first change |
| POST OWN_READS | vault server, service token | `own-read.v1`, signed by the device | stream of `release.py` |
| POST OWN_RECOVERIES, POST OWN_OBJECTIONS | vault server, service token | `own-recovery.v1`, `own-objection.v1` | as above |
| POST ERASURES | vault server, service token | {person} | {epoch, final} |
| GET HEALTH, GET READY | anyone | | as above |
"""  # noqa: E501 - a table row is one line

PROGRAMME = "/v1/programme"
ENROL = "/v1/enrol"
LEASE = "/v1/lease"
CONSENTS = "/v1/consents"
WITHDRAWALS = "/v1/withdrawals"
SEGMENTS = "/v1/segments"
READERS = "/v1/readers"
ENTRIES = "/v1/entries"
OWN = "/v1/own"
RECOVERIES = "/v1/own/recoveries"
OBJECTIONS = "/v1/own/objections"
INVITATIONS = "/v1/invitations"
REQUESTS = "/v1/requests"
DERIVED = "/v1/derived"
DERIVED_DECISIONS = "/v1/derived/decisions"
EXPORTS = "/v1/exports"
HALTS = "/v1/halts"
STATE = "/v1/state"
PULSE = "/v1/pulse"
WORD = "/v1/word"
LOG = "/v1/log"
HEALTH = "/v1/health"
READY = "/v1/ready"

PERSON_KEYS = "/v1/person-keys"
RELEASES = "/v1/releases"
DERIVED_KEYS = "/v1/derived-keys"
OPENINGS = "/v1/openings"
APPENDS = "/v1/appends"
LATEST = "/v1/latest"
OWN_READS = "/v1/own-reads"
OWN_RECOVERIES = "/v1/own-recoveries"
OWN_OBJECTIONS = "/v1/own-objections"
ERASURES = "/v1/erasures"

MAX_SEGMENT_BYTES = 64 << 20
