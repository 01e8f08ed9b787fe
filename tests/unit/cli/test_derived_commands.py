"""What a job made, as the vault is told; an export is logged, or not written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from overt.cli.calling import Caller
from overt.cli.jobs import REQUEST, open_job
from overt.cli.making import made_by
from overt.protocol import routes
from overt.protocol.canonical import parse_json, unb64
from overt.protocol.consent import document_digest
from overt.protocol.errors import GovernError
from tests.unit.cli.test_job_commands import dataset, job, key  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path


def secret(town: Any, folder: Path) -> Any:
    return open_job(folder, town.words.read_text().strip())


def test_models_and_evaluations_lead_back_to_the_dataset(
    town: Any,
    dataset: Path,  # noqa: F811
) -> None:
    for name in ("checkpoints/a.ckpt", "checkpoints/b.ckpt",
                 "evaluations/a.json", "evaluations/random.json"):  # fmt: skip
        path = dataset / f"{name}.sealed"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    first, *rest = made_by(dataset, secret(town, dataset), "rene")
    assert (first.derived, first.kind, first.segments) == (
        "ds_a",
        "dataset",
        ("seg_a",),
    )
    grant = document_digest(json.loads((dataset / REQUEST).read_text()))
    assert {one.grant for one in [first, *rest]} == {grant}
    assert [(one.kind, one.made_of) for one in rest] == [
        ("model", ("ds_a",)),
        ("model", ("ds_a",)),
        ("evaluation", (rest[0].derived,)),
        ("evaluation", ("ds_a",)),  # a baseline, shown the dataset
    ]
    assert len({one.derived for one in rest}) == 4


class Vault:
    """Answers in a server's place, and remembers."""

    def __init__(self, output: Path, *, refuse: bool) -> None:
        self.output, self.refuse = output, refuse
        self.asked: list[tuple[str, Any]] = []

    def send(self, method: str, target: str, body: Any = None) -> Any:
        payload = parse_json(unb64(body["payload"], what="it"), what="it")
        self.asked.append((f"{method} {target}", payload))
        assert not self.output.exists(), "written before it was on the log"
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
    vault = Vault(output, refuse=refuse)
    monkeypatch.setattr(Caller, "send", vault.send)
    words = [
        "derived", "export", "--as", town.key("rene"), "--name", "rene", "--job",
        dataset, "--to", "Example Ltd", "-o", output, "--server", "http://127.0.0.1:9",
    ]  # fmt: skip
    told = town.json(*words, code=7 if refuse else 0)
    ((route, wish),) = vault.asked
    assert route == f"POST {routes.EXPORTS}"
    assert (wish["derived"], wish["recipient"]) == ("ds_a", "Example Ltd")
    if refuse:
        assert "no export" in told["error"]
        assert not output.exists()
        assert not list(dataset.parent.glob("*.part"))
        return
    names = sorted(path.name for path in output.iterdir())
    assert names == ["card.md", "manifest.json", "shard-00000.parquet"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in output.iterdir())
    assert json.loads((output / "manifest.json").read_text())["dataset"] == "ds_a"
    town.json(*words, code=2)  # never over what is there
