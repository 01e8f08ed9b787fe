"""What a job made, as the vault is told; an export is logged, or not written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from overt.cli.calling import Caller
from overt.cli.jobs import DATASET, open_job
from overt.protocol import routes
from overt.protocol.canonical import b64, parse_json, unb64
from overt.protocol.derived import seal_key
from overt.protocol.errors import GovernError
from tests.unit.cli.test_job_commands import dataset, job, key  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.sealing import SealingKey


def note(path: Path) -> Path:
    return path.with_name(path.name + ".registration.json")


def test_registrations_that_were_kept_are_sent_again_sources_first(
    town: Any,
    dataset: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = json.loads(note(dataset / DATASET).read_text())
    for name in ("evaluations/a.json", "checkpoints/a.ckpt"):
        path = dataset / f"{name}.sealed"
        path.parent.mkdir(exist_ok=True)
        note(path).write_text(json.dumps(told | {"payload": name}))
    sent: list[str] = []

    def send(_: Caller, method: str, target: str, body: Any) -> Any:
        assert (method, target) == ("POST", routes.DERIVED)
        sent.append(body["payload"])
        return {"derived": "x", "state": "held"}

    monkeypatch.setattr(Caller, "send", send)
    words = ["derived", "register", "--as", town.key("rene"), "--job", dataset]
    words += ["--server", "http://127.0.0.1:9"]
    assert [one["state"] for one in town.json(*words)] == ["held"] * 3
    assert sent == [told["payload"], "checkpoints/a.ckpt", "evaluations/a.json"]
    note(dataset / DATASET).unlink()
    assert "has no dataset" in town.json(*words, code=8)["error"]


class Vault:
    """Answers in a server's place, and remembers."""

    def __init__(self, output: Path, job_key: SealingKey, *, refuse: bool) -> None:
        self.output, self.key, self.refuse = output, job_key, refuse
        self.asked: list[tuple[str, Any]] = []

    def send(self, method: str, target: str, body: Any = None) -> Any:
        assert not self.output.exists(), "written before it was on the log"
        if target == routes.OPENINGS:
            self.asked.append((f"{method} {target}", body))
            return {"key": b64(seal_key(self.key, "ds_a", self.key.public))}
        payload = parse_json(unb64(body["payload"], what="it"), what="it")
        self.asked.append((f"{method} {target}", payload))
        if self.refuse:
            raise GovernError("Request req_a grants no export in clear.")
        return {"log_index": 7, "recipient": payload.get("recipient", "")}


@pytest.mark.parametrize("refuse", [True, False])
def test_an_export_is_on_the_log_before_it_is_written(
    town: Any,
    dataset: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    *,
    refuse: bool,
) -> None:
    output = dataset.parent / "clear"
    job_key = open_job(dataset, town.words.read_text().strip())
    vault = Vault(output, job_key, refuse=refuse)
    monkeypatch.setattr(Caller, "send", vault.send)
    words = [
        "derived", "export", "--as", town.key("rene"), "--request", "req_b", "--job",
        dataset, "--to", "Example Ltd", "-o", output, "--server", "http://127.0.0.1:9",
        "--broker", "http://127.0.0.1:9",
    ]  # fmt: skip
    told = town.json(*words, code=7 if refuse else 0)
    (route, wish), *opened = vault.asked
    assert route == f"POST {routes.EXPORTS}"
    assert (wish["derived"], wish["recipient"]) == ("ds_a", "Example Ltd")
    assert wish["request"] == "req_b"
    if refuse:
        assert opened == []
        assert "no export" in told["error"]
        assert not output.exists()
        assert not list(dataset.parent.glob("*.part"))
        return
    assert opened == [(f"POST {routes.OPENINGS}", {"derived": "ds_a"})]
    names = sorted(path.name for path in output.iterdir())
    assert names == ["card.md", "manifest.json", "shard-00000.parquet"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in output.iterdir())
    assert json.loads((output / "manifest.json").read_text())["dataset"] == "ds_a"
    town.json(*words, code=2)  # never over what is there
