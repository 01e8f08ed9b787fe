"""Deployment files start commands that exist, hardened, under accounts of their own."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from overt.cli.serve import serve
from overt.protocol import routes

DEPLOY = Path(__file__).parents[3] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
ANALYZE = shutil.which("systemd-analyze") or ""
HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "LimitCORE": "0",
    "UMask": "0077",
}


def settings(unit: Path) -> dict[str, str]:
    lines = [line for line in unit.read_text().splitlines() if "=" in line]
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def parse(words: list[str]) -> dict[str, Any]:
    """Parse the words of `overt serve` as Click would."""
    given = [word for word in words if word != "$OVERT_SERVE"]
    context = click.Context(serve)
    values, rest, _ = serve.make_parser(context).parse_args(given)
    assert not rest
    return values


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_hardened_and_start_one_server_each(unit: Path) -> None:
    stated = settings(unit)
    assert {name: stated.get(name) for name in HARDENED} == HARDENED
    assert stated["User"] == unit.stem
    program, command, *words = shlex.split(stated["ExecStart"])
    assert (Path(program).name, command) == ("overt", "serve")
    assert f"overt-{parse(words)['only']}" == unit.stem


def test_only_the_broker_gets_the_passphrase_and_its_folder() -> None:
    vault, broker = (
        settings(DEPLOY / f"systemd/overt-{one}.service") for one in ("vault", "broker")
    )
    assert "LoadCredential" in broker
    assert "LoadCredential" not in vault
    assert vault["InaccessiblePaths"].endswith("/broker")
    assert "/broker" not in vault["ReadWritePaths"]
    assert vault["User"] != broker["User"]


@pytest.mark.skipif(not ANALYZE, reason="no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong(unit: Path) -> None:
    done = subprocess.run(
        [ANALYZE, "verify", str(unit)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    said = [
        line for line in done.stderr.splitlines() if "is not executable" not in line
    ]
    assert said == []


def test_compose_starts_hardened_servers_and_asks_whether_they_are_ready() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name in ("vault", "broker"):
        one = services[name]
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert parse(one["command"][1:])["only"] == name
        assert routes.READY in one["healthcheck"]["test"][-1]
        assert not any("privileged" in word for word in one)
    assert services["vault"]["user"] != services["broker"]["user"]
    assert "secrets" not in services["vault"]
    volumes = [one.split(":")[1] for one in services["vault"]["volumes"]]
    assert not any("broker" in volume for volume in volumes)
