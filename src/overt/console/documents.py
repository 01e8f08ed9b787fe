"""Signed documents that come by a form: pasted, or as a file.

Stage: between a form and the vault's rules. In: text or an upload; out: one JSON
object, not yet verified. It never says what stood in it.
"""

from fastapi import UploadFile

from overt.protocol.canonical import Json, parse_json
from overt.protocol.errors import DataError

MAX_BYTES = 64 << 10
_REMEDY = "Paste the whole signed document, or choose its file."


def read_document(pasted: str, file: UploadFile | None) -> Json:
    """Return the document of a form.

    Raises:
        DataError: There is none, two, it is too long or no JSON object.
    """
    uploaded = file.file.read(MAX_BYTES + 1) if file is not None else b""
    typed = pasted.strip().encode()
    if bool(uploaded) == bool(typed):
        problem = "Two documents were given." if typed else "No document was given."
        raise DataError(problem, remedy=_REMEDY)
    data = uploaded or typed
    if len(data) > MAX_BYTES:
        raise DataError("The document is longer than 64 KiB.", remedy=_REMEDY)
    try:
        return parse_json(data, what="The document")
    except DataError as error:
        raise DataError(str(error), remedy=_REMEDY) from error
