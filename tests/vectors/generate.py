"""Writes the test vectors: `.venv/bin/python tests/vectors/generate.py [FOLDER]`.

In: the fixed keys below. Out: the files of `files/`, `keys.json` and `vectors.json`,
the index that says what each file is and, for a malformed one, which error it must
raise and what its message must contain. What is sealed draws random numbers: such a
file is written once and kept; delete it to have it made anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from book import (
    ORIGIN,
    PASSPHRASE,
    SEALERS,
    SIGNERS,
    WITNESS,
    Book,
    pretty,
    sealer,
    signer,
)
from containers import add_blobs, add_releases, add_sealed, add_segments, add_spool
from documents import (
    add_access,
    add_consents,
    add_derived,
    add_exposure,
    add_key_file,
    add_own,
    add_programmes,
    the_programme,
)
from plain import add_actions, add_consistency, add_cosignatures, add_log


def generate(folder: Path) -> None:
    """Write all vectors below a folder."""
    book = Book(folder)
    content, _ = add_segments(book)
    add_releases(book, add_sealed(book, content))
    add_blobs(book)
    programme = the_programme()
    add_programmes(book, programme)
    add_consents(book, programme)
    add_access(book, programme)
    add_derived(book)
    add_exposure(book)
    add_own(book)
    add_actions(book)
    add_log(book)
    add_cosignatures(book)
    add_consistency(book)
    add_spool(book)
    add_key_file(book)
    keys = {
        "about": "Keys of the test vectors: public, for tests only. Hexadecimal.",
        "ed25519_seeds": {
            name: signer(name).private_bytes_raw().hex() for name in SIGNERS
        },
        "sealing_keys": {name: sealer(name).raw.hex() for name in SEALERS},
        "log_origin": ORIGIN,
        "witness": WITNESS,
        "passphrase": PASSPHRASE,
    }
    (folder / "keys.json").write_bytes(pretty(keys))
    (folder / "vectors.json").write_bytes(pretty(book.index))


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
