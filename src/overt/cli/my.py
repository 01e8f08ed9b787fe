"""`overt my`: the participant's own pages, on their own machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option, person
from overt.protocol.errors import ConsentError, DataError, SealError

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from fastapi import FastAPI


@click.command(epilog=exit_codes(ConsentError, SealError, DataError))
@click.option("--port", default=0, help="Port on 127.0.0.1; by default a free one.")
@click.option("--no-browser", is_flag=True, help="Print the address; open nothing.")
@passphrase_option
@json_option
def my(
    port: int, passphrase_file: Path | None, *, no_browser: bool, as_json: bool
) -> None:
    """Open your pages: review, what you recorded and sent, who read it.

    They run on this machine alone until you press Ctrl+C. The address holds a code
    that lets in once, within a minute.
    """
    import socket
    import time

    from overt.protocol.errors import UsageError
    from overt.recorder.person.locks import recover_if_idle
    from overt.recorder.person.pagefacts import private_link
    from overt.recorder.person.pages import create_pages
    from overt.recorder.person.run import Participant, expire_if_sure
    from overt.web.sessions import Sessions

    here = person()
    identity = here.unlock(passphrase_file)
    recover_if_idle(here.home, identity.own)
    sessions = Sessions()
    with here.client(identity) as client, socket.socket() as listening:
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(f"Port {port} is in use or not yours.") from error
        who = Participant(here.home, here.enrolment, identity, client)
        expire_if_sure(who)
        app = create_pages(who, sessions)
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        url = f"{base}/enter#{sessions.code('participant', int(time.time()))}"
        emit({"url": url}, f"Your pages: {url}", as_json=as_json)
        if not no_browser:
            link = here.home.run / "my.html"
            private_link(link, url)
            _open(link.as_uri())
        _serve(app, listening)


def _open(address: str) -> None:
    """Open a window of its own where the browser can; it shows no other page."""
    import shutil
    import subprocess
    import webbrowser

    from overt.cli.doctor import BROWSERS

    for name in BROWSERS:
        if path := shutil.which(name):
            subprocess.Popen(
                [path, f"--app={address}"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            return
    webbrowser.open_new(address)


def _serve(app: FastAPI, listening: socket.socket) -> None:
    """Serve until interrupted; no access log, since paths name segments."""
    import uvicorn

    config = uvicorn.Config(app, log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])
