"""Founding: keys, programme, servers, participants with their consent.

Input: an empty run. Output: a signed programme, a vault and a broker that answer, two
enrolled devices whose people have consented.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import httpx

from demo.run import Run, StageError, wait_until
from overt.protocol import routes
from overt.protocol.programme import DATA_TYPES

if TYPE_CHECKING:
    from pathlib import Path

# name, roles; the demonstration's people
MEMBERS = (
    ("stella", ("steward",)),
    ("stefan", ("steward",)),
    ("rita", ("representative", "approver")),
    ("omar", ("approver",)),
    ("rene", ("researcher",)),
    ("ada", ("auditor",)),
    ("olga", ("operator",)),
)
HOLDERS = ("stella", "stefan", "rita")

_TOML = """\
title = "Demonstration: web forms"
controller = "overt demonstration, this machine"
retention_days = 30
regions = ["EU"]
lease_s = 60
threshold = 2
# two people at most: the signed configuration says so, and the report shows it
min_cohort = 1

[[purposes]]
id = "train-agents"
title = "Train agents"
text = "Train agents that can do the recorded web tasks."

[notice]
version = "1"
language = "en"
text = \"\"\"
While the red sign is on, this programme records mouse, keys and screen of the
benchmark's web pages in your browser, and nothing else. Keys typed into password
fields are never recorded. You can pause, look at what was recorded, discard it, or
withdraw at any time; nobody is told, and nothing is scored.
\"\"\"

[dpia]
reference = "DPIA demonstration 1"
author = "stella"
date = "2026-11-02"
"""
_ALLOW = """
[[allow]]
app = "chromium*"
url = "{pages}"
level = "clear"
"""
_MEMBER = '\n[[roster]]\nname = "{name}"\nroles = {roles}\nkey = "{key}"\n'


def make_keys(run: Run) -> dict[str, Any]:
    """Make every member's key, and the vault's services."""
    for name, _ in MEMBERS:
        if not run.key(name).exists():
            run.overt("key", "new", name, "-o", run.key(name))
    run.overt("serve", "--data", run.folder / "server", "--init")
    return {}


def create_programme(run: Run, pages_url: str, allow: str = _ALLOW) -> dict[str, Any]:
    """Write the programme file and hold the key ceremony.

    Args:
        run: Where.
        pages_url: What `{pages}` stands for in the allow-list.
        allow: The allow-list's rules, as TOML.
    """
    text = _TOML + allow.format(pages=pages_url)
    for name, roles in MEMBERS:
        key = json.loads(run.key(name).read_text(encoding="utf-8"))["about"]["public"]
        text += _MEMBER.format(name=name, roles=json.dumps(list(roles)), key=key)
    file = run.folder / "programme.toml"
    file.write_text(text, encoding="utf-8")
    services = run.folder / "server" / "services.json"
    holders = [arg for name in HOLDERS for arg in ("--holder", name)]
    made = run.overt(
        "programme", "create", file, "--services", services,
        "-o", run.folder / "programme", *holders,
    )  # fmt: skip
    return {"programme": made["programme"], "pages_url": pages_url}


class Servers:
    """The vault server and the key broker, processes of their own, while it lasts.

    Attributes:
        vault: Base URL of the vault.
        broker: Base URL of the broker.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None
        self.vault = self.broker = ""

    def __enter__(self) -> Self:
        log = (self._run.folder / "server.log").open("ab")
        data = self._run.folder / "server"
        note = data / "addresses.json"
        note.unlink(missing_ok=True)
        ports = self._run.state.figures.get("ports", [0, 0])
        command = self._run.command(
            "serve", "--data", data, "--programme", self._run.folder / "programme",
            "--port", str(ports[0]), "--broker-port", str(ports[1]),
        )  # fmt: skip
        self._process = subprocess.Popen(
            command, env=self._run.env(), stdout=log, stderr=log
        )
        log.close()
        try:
            wait_until(
                "The start of vault and broker", lambda: self._answers(note), 120
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answers(self, note: Path) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise StageError("`overt serve` ended; see server.log in the run's folder.")
        if not note.exists():
            return False
        addresses = json.loads(note.read_text(encoding="utf-8"))
        self.vault, self.broker = addresses["vault"], addresses["broker"]
        self._run.addresses = {
            "OVERT_SERVER": self.vault,
            "OVERT_BROKER": self.broker,
        }
        with suppress(httpx.HTTPError):
            return all(
                httpx.get(url + routes.HEALTH, timeout=10).status_code == 200
                for url in (self.vault, self.broker)
            )
        return False

    @property
    def ports(self) -> list[int]:
        """The ports in use, so that a later start takes the same."""
        return [int(url.rsplit(":", 1)[1]) for url in (self.vault, self.broker)]

    def __exit__(self, *exc: object) -> None:
        self._run.addresses = {}
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()


def enrol_participants(run: Run, servers: Servers) -> dict[str, Any]:
    """Invite, enrol and let consent; each person with a home of their own."""
    people = [enrol(run, servers, person) for person in run.participants]
    return {"people": people, "ports": servers.ports}


def enrol(
    run: Run, servers: Servers, person: int, data_types: tuple[str, ...] = DATA_TYPES
) -> str:
    """Invite one person, enrol their device and let them consent.

    Returns:
        Their pseudonym.
    """
    folder = run.folder / "programme"
    holders = [
        arg
        for name in HOLDERS[:2]
        for arg in ("--programme-key", folder / "keys" / f"programme-{name}.key")
    ]
    invitation = run.folder / f"invitation-{person}.json"
    made = run.overt(
        "programme", "invite", "--folder", folder, "--as", run.key("stella"),
        "--server", servers.vault, "--broker", servers.broker, *holders,
        "-o", invitation,
    )  # fmt: skip
    home = {"OVERT_HOME": str(run.home(person))}
    run.overt("enrol", invitation, **home)
    types = [arg for one in data_types for arg in ("--data-type", one)]
    run.overt("consent", "give", "--purpose", "train-agents", *types, "--yes", **home)
    return str(made["person"])
