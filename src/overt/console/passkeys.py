"""Making a passkey: a page for approvers, and what to hand to the stewards.

Stage: before a passkey counts. In: a registration that the approver's authenticator
made on this very page; out: the lines for the programme file. Nothing is stored here:
a passkey counts once the programme keys have signed it into the roster.
"""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import HTMLResponse

from overt.console.frame import desk_of, server_of, show
from overt.console.policy import DECIDE_REQUESTS, Allow, AllowPost, Viewer
from overt.protocol.canonical import b64, parse_json
from overt.protocol.errors import DataError
from overt.protocol.passkeys import Passkey, passkey_problems

router = APIRouter()
_AGAIN = "Load the page again and make the passkey there."


def _challenge(viewer: Viewer) -> bytes:
    """Return this session's challenge: a registration of another page is refused."""
    return hashlib.sha256(b"overt passkey v1" + viewer.csrf.encode()).digest()


@router.get("/passkey")
def make_page(
    request: Request, viewer: Annotated[Viewer, Depends(Allow(DECIDE_REQUESTS))]
) -> HTMLResponse:
    """Show how a passkey is made, and those that the roster has."""
    return _show(request, viewer, None)


@router.post("/passkey")
def made(
    request: Request,
    viewer: Annotated[Viewer, Depends(AllowPost(DECIDE_REQUESTS))],
    document: Annotated[str, Form()] = "",
) -> HTMLResponse:
    """Check a registration and show the lines for the programme file."""
    return _show(request, viewer, read_registration(document, request, viewer))


def read_registration(document: str, request: Request, viewer: Viewer) -> Passkey:
    """Return the passkey of a registration that was made on this session's page.

    Raises:
        DataError: It is malformed, of another page, or without its user's PIN or
            biometrics.
    """
    # on first use: it takes half a second to load
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    origin = server_of(request)
    credential = parse_json(document.encode(), what="A passkey's registration")
    try:
        found = verify_registration_response(
            credential=credential,
            expected_challenge=_challenge(viewer),
            expected_rp_id=request.url.hostname or "",
            expected_origin=origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise DataError(
            "The passkey was not made on this page.", remedy=_AGAIN
        ) from error
    passkey = Passkey(
        b64(found.credential_id), b64(found.credential_public_key), origin
    )
    for problem in passkey_problems(passkey):
        raise DataError(problem, remedy="Open these pages over https, or localhost.")
    return passkey


def _show(request: Request, viewer: Viewer, passkey: Passkey | None) -> HTMLResponse:
    return show(
        request,
        viewer,
        "passkey.html",
        "/passkey",
        passkey=passkey,
        challenge=b64(_challenge(viewer)),
        programme=desk_of(request).data.programme(),
    )
