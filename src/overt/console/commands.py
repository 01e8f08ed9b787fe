"""The commands that pages show: what needs a key happens where the key is.

Stage: beside the pages. In: ids and the server's address; out: shell commands to copy.
The words in capitals are the reader's own: their key file, the programme's folder.
"""

import shlex

OPEN = "overt console open --name YOU --as YOUR.key --folder PROGRAMME --server SERVER"
VERIFY_LOG = "overt log verify LOG_FOLDER --folder PROGRAMME"
REQUEST = "overt access request --help"


def _over_lines(*parts: str) -> str:
    """Return one shell command over several lines, none of them long."""
    return " \\\n  ".join(parts)


def approve(request_id: str, name: str, server: str) -> str:
    """Return the command that approves a request."""
    return _over_lines(
        f"overt access approve {shlex.quote(request_id)}",
        f"--name {shlex.quote(name)} --as YOUR.key",
        f"--folder PROGRAMME --server {shlex.quote(server)}",
    )


def refuse(request_id: str, name: str, server: str) -> str:
    """Return the command that refuses a request."""
    return _over_lines(approve(request_id, name, server), '--refuse --reason "WHY"')


def halt(server: str) -> str:
    """Return the command that halts the programme."""
    return _over_lines(
        "overt programme halt --folder PROGRAMME",
        f'--as YOUR.key --why "WHY" --server {shlex.quote(server)}',
    )


def resume(server: str) -> str:
    """Return the command that lifts a halt."""
    return _over_lines(
        "overt programme resume --folder PROGRAMME",
        "--as YOUR.key --as OTHER.key",
        f'--why "WHY" --server {shlex.quote(server)}',
    )
