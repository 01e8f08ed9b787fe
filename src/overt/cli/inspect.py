"""`overt inspect FILE`: what a file is, without opening what is sealed.

Input: any file that overt writes. Output: its kind and what it says of itself in
clear: ids, sizes, counts, who signed. It asks for no key, checks no signature, and of
a segment in the clear it tells counts, never content.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import DataError, OvertError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from overt.protocol.canonical import Json

_SHOWN: Final = 80  # longer texts are cut: keys, notices
_NOT_OURS: Final = "It is no file that overt writes."
_SHAPES: Final = {
    frozenset({"programme", "keys", "threshold"}): "pinned programme keys",
    frozenset({"lease", "receipt", "log"}): "public keys of a vault's services",
    frozenset({"state", "receipt"}): "state of a segment in the spool",
    frozenset({"vault", "broker", "console"}): "addresses of a vault",
}


@click.command(epilog=exit_codes(DataError))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def inspect(file: Path, as_json: bool) -> None:
    """Tell what FILE is: any file that overt writes, sealed ones included.

    Needs no key and opens nothing. Signatures are named, not checked.
    """
    facts = inspect_file(file)
    lines = [f"{name}: {item}" for name, item in facts.items()]
    emit(facts, "\n".join(lines), as_json=as_json)


def inspect_file(file: Path) -> Json:
    """Return what a file is and what it says of itself.

    Raises:
        UsageError: The file cannot be read.
        DataError: The file is malformed or none of overt's; the message names it.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    try:
        return inspect_bytes(data)
    except OvertError as error:
        raise DataError(f"{file}: {error}") from error


def inspect_bytes(data: bytes) -> Json:
    """Return what bytes are and what they say of themselves.

    Raises:
        DataError: They are malformed or none of overt's.
    """
    for magic, reader in _BINARY.items():
        if data.startswith(magic):
            return reader(data)
    if b"\n\n\xe2\x80\x94 " in data:
        return _checkpoint(data)
    if data.startswith(b'{"t_ns": '):
        return _events(data)
    if data[:1] == b"{":
        return _json(data)
    raise DataError(_NOT_OURS)


def _segment(data: bytes) -> Json:
    from dataclasses import asdict

    from overt.protocol.segment import read_segment

    segment = read_segment(data, recover=True)
    kinds = Counter(type(one).__name__ for one in segment.records)
    if not segment.complete:
        read_segment(data)  # says where it breaks off
    return {
        "what": "segment, not sealed",
        **asdict(segment.header),
        "size_bytes": len(data),
        "records": dict(sorted(kinds.items())),
    }


def _sealed(data: bytes) -> Json:
    from dataclasses import asdict

    from overt.protocol.sealing import parse_sealed, sealed_digest

    sealed = parse_sealed(data)
    return {
        "what": "sealed segment",
        **asdict(sealed.header),
        "ciphertext_bytes": len(sealed.ciphertext),
        "sha256": sealed_digest(data),
        "signature": "of the device; not checked",
    }


def _blob(data: bytes) -> Json:
    from overt.protocol.sealing import blob_context

    context = _clear(blob_context(data))
    return {"what": "sealed file", "size_bytes": len(data), "context": context}


def _release(data: bytes) -> Json:
    from dataclasses import asdict

    from overt.protocol.release import read_release

    header, parts = read_release(data)
    names = [part.header.segment for part in parts]
    return {
        "what": "release",
        **asdict(header),
        "size_bytes": len(data),
        "segment_ids": names,
    }


def _spool(data: bytes) -> Json:
    from dataclasses import asdict

    from overt.recorder.spool import read_head

    head = asdict(read_head(data))
    return {"what": "spool file, sealed", **head, "size_bytes": len(data)}


def _database(data: bytes) -> Json:
    return {"what": "database of a vault (SQLite)", "size_bytes": len(data)}


_BINARY: Final[dict[bytes, Callable[[bytes], Json]]] = {
    b"OVERTSG1": _segment,
    b"OVERTSG2": _segment,
    b"OVERTSL": _sealed,
    b"OVERTBL1": _blob,
    b"OVERTRL1": _release,
    b"OVERTRL": _release,
    b"OVERTSP1": _spool,
    b"OVERTSP2": _spool,
    b"SQLite format 3\0": _database,
}


def _checkpoint(data: bytes) -> Json:
    from overt.protocol.tlog import read_checkpoint

    checkpoint, signers = read_checkpoint(data)
    return {
        "what": "checkpoint of a log",
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "signed_by": signers,
        "signature": "not checked; overt log verify checks it",
    }


def _json(data: bytes) -> Json:
    from overt.protocol.canonical import parse_json

    body = parse_json(data, what="The file")
    if "payloadType" in body:
        return _document(body)
    if body.get("overt") == "invitation.v1":
        return _invitation(body)
    if body.get("overt") == "key.v1":
        return _key(body)
    if body.get("overt") == "enrolled.v1":
        return {"what": "enrolment of this device", **_clear(body)}
    if body.get("format") == "overt-keyring-1":
        return {"what": "keyring of a vault, sealed", "format": body["format"]}
    for shape, what in _SHAPES.items():
        if frozenset(body) == shape:
            return {"what": what, **_clear(body)}
    raise DataError(_NOT_OURS)


def _events(data: bytes) -> Json:
    from overt.protocol.canonical import parse_json

    kinds = Counter(
        str(parse_json(line, what=f"Line {number}").get("type"))
        for number, line in enumerate(data.splitlines(), 1)
    )
    return {"what": "exported input events, not sealed", "events": dict(kinds)}


def _document(envelope: Json) -> Json:
    from overt.protocol.documents import read_unverified

    kind, body, signers = read_unverified(envelope)
    return {
        "what": f"signed document {kind}",
        **_clear(body),
        "signed_by": signers,
        "signatures": "not checked",
    }


def _invitation(body: Json) -> Json:
    from overt.protocol.invitation import parse_invitation

    invitation = parse_invitation(body)
    return {
        "what": "invitation",
        "programme": invitation.anchor.programme,
        "pinned_keys": list(invitation.anchor.keys),
        "threshold": invitation.anchor.threshold,
        "server": invitation.server,
        "person": invitation.person,
        "expires_utc_s": invitation.expires_utc_s,
        "code": "not shown: it admits a device",
    }


def _key(body: Json) -> Json:
    from overt.protocol.keyfile import read_key_file

    about = read_key_file(body)
    return {"what": "key file, sealed by a passphrase", "about": _clear(about)}


def _clear(value: Any) -> Any:
    """Shorten long texts, so that keys and notices do not fill the screen."""
    if isinstance(value, dict):
        return {name: _clear(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clear(item) for item in value]
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{value[: _SHOWN // 2]}... ({len(value)} characters)"
    return value
