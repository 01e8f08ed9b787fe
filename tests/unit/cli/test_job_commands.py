"""release, refine, train, evaluate on jobs that lack something: named, nothing left."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from overt.cli.jobs import (
    DATASET,
    RELEASE,
    REQUEST,
    grants_timing,
    new_job,
    open_job,
    read_request,
)
from overt.protocol.actions import Click, Done
from overt.protocol.canonical import unb64
from overt.protocol.consent import document_digest
from overt.protocol.derived import Derived, sign_derived
from overt.protocol.forms import read_form
from overt.protocol.grants import AccessRequest, sign_request
from overt.protocol.ids import new_id
from overt.protocol.release import ReleaseHeader, ReleaseWriter
from overt.protocol.sealing import SealingKey, SealingPublicKey
from overt.research.dataset.rows import Origin
from overt.research.dataset.sealed import seal_dataset
from overt.research.dataset.shards import write_dataset
from overt.research.refine.episodes import Step, Trajectory

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@pytest.fixture
def job(town: Any, tmp_path: Path, key: Ed25519PrivateKey) -> Path:
    """A job with key and request, and nothing more."""
    draft = AccessRequest(
        new_id("req"), new_id("prog"), "rene", "train-agents", "x", (), ("input",),
        "clear", "EU", 2**32, "",
    )  # fmt: skip
    with new_job(tmp_path / "job", draft, town.words.read_text().strip()) as asked:
        (tmp_path / "job" / REQUEST).write_text(json.dumps(sign_request(asked, key)))
    return tmp_path / "job"


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def away(town: Any) -> list[Any]:
    """Options of a researcher whose servers do not answer."""
    nowhere = "http://127.0.0.1:9"
    return ["--as", town.key("rene"), "--server", nowhere, "--broker", nowhere]


def header(expires_utc_s: int, segments: int = 0, job: str = "") -> bytes:
    """A release without a segment, for a job's public key or for somebody else."""
    raw = unb64(job, what="It") if job else SealingKey.generate().public.raw
    head = ReleaseHeader(
        new_id("rel"), new_id("prog"), new_id("req"), "d" * 64, expires_utc_s, segments
    )
    return ReleaseWriter(head, SealingPublicKey(raw)).head


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (None, 8, "has no release"),
        (b"", 8, "does not begin like"),
        (header(1), 7, "has expired"),
        (header(2**32)[:20], 8, "header"),
        (header(2**32)[:-4], 8, "truncated"),
        (b"OVERTRL1" + bytes(99), 8, "is of version 1"),
        (header(2**32, 3), 8, "it was interrupted"),
        (header(2**32), 5, "does not open"),
        ("the job's", 8, "No episode is left"),
    ],
    ids=["none", "empty", "late", "torn", "cut", "old", "short", "other", "nobody"],
)
def test_what_cannot_be_refined_keeps_the_dataset_there_was(
    town: Any, job: Path, away: Any, data: bytes | str | None, code: int, said: str
) -> None:
    (job / DATASET).mkdir()
    (job / DATASET / "kept").touch()
    if isinstance(data, str):
        data = header(2**32, job=read_request(job)["job"])
    if data is not None:
        (job / RELEASE).write_bytes(data)
    assert said in town.json("refine", *away, "--job", job, code=code)["error"]
    assert [path.name for path in (job / DATASET).iterdir()] == ["kept"]
    assert not list(job.glob("*.part"))


def test_exact_timing_is_the_grant_s_to_name(
    town: Any, job: Path, away: Any, key: Ed25519PrivateKey
) -> None:
    (job / RELEASE).write_bytes(header(2**32, job=read_request(job)["job"]))
    document = json.loads((job / REQUEST).read_text())
    asked = read_form(
        AccessRequest, read_request(job) | {"fields": ["input", "timing"]}, what="It"
    )
    other = sign_request(asked, key)
    assert not grants_timing(job, document_digest(document))
    (job / REQUEST).write_text(json.dumps(other))
    assert grants_timing(job, document_digest(other))
    told = town.json("refine", *away, "--job", job, code=7)
    assert "not what was granted" in told["error"]


@pytest.mark.parametrize("command", ["refine", "train", "evaluate"])
def test_a_job_is_opened_by_its_passphrase_alone(
    town: Any, job: Path, away: Any, tmp_path: Path, command: str
) -> None:
    task = ["--task", "click-test-2"] if command == "evaluate" else []
    other = tmp_path / "other"
    other.write_text("not the passphrase\n")
    other.chmod(0o600)
    words = [command, *away, "--job", job, *task]
    town.json(*words, code=5, OVERT_PASSPHRASE_FILE=str(other))
    town.json(*words, code=8)
    (job / "job.key").unlink()
    assert "job.key" in town.json(*words, code=2)["error"]
    assert sorted(path.name for path in job.iterdir()) == [REQUEST]


@pytest.fixture
def dataset(town: Any, job: Path) -> Path:
    """The job, with a registered dataset of one episode; the job's key opens it."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    screen: Any = SimpleNamespace(t_ns=1, frame=0, exact=True, pixels=lambda: pixels)
    steps = [
        Step(action, 1, at, screen, seen, {}, "seg_a", "cons_a")
        for action, at, seen in ((Click(3, 4), 2, screen), (Done("done"), 3, None))
    ]
    episode = Trajectory(
        "task_a", "sess_a", "part_a", "Click", "me", "done", "me", 1, 3, tuple(steps)
    )
    origin = Origin("ds_a", "prog_a", "rel_a", "f" * 64, "train-agents")
    built = write_dataset([episode], origin)
    opened = open_job(job, town.words.read_text().strip())
    seal_dataset(built, job / DATASET, opened.public)
    told = Derived(
        "ds_a", "dataset", "req_a", "f" * 64, "rene", "0" * 64, "key_a", ("seg_a",),
        (), "rel_a",
    )  # fmt: skip
    note = sign_derived(told, ed25519.Ed25519PrivateKey.generate())
    (job / f"{DATASET}.registration.json").write_text(json.dumps(note))
    return job


def test_names_of_checkpoints_lead_nowhere_else(
    town: Any, dataset: Path, away: Any
) -> None:
    for name in ("../x", "a/b", "", "a b"):
        told = town.json("train", *away, "--job", dataset, "--name", name, code=2)
        assert "no name for a checkpoint" in told["error"]
    assert not (dataset / "checkpoints").exists()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--task", "no-such-task"], 2, "no task 'no-such-task'"),
        (["--task", "../../index"], 2, "no task"),
        (["--task", "click-test-2"], 8, "There is no "),
        (["--task", "click-test-2", "--policy", "../x"], 2, "no name"),
    ],
)
def test_what_is_not_there_is_told_before_a_desktop_starts(
    town: Any, dataset: Path, away: Any, options: list[str], code: int, said: str
) -> None:
    told = town.json("evaluate", *away, "--job", dataset, *options, code=code)
    assert said in told["error"]
    assert not (dataset / "evaluations").exists()


@pytest.mark.loopback
def test_a_release_from_a_server_that_is_away_leaves_nothing(
    town: Any, job: Path
) -> None:
    away = ["--as", town.key("rene"), "--broker", "http://127.0.0.1:9"]
    town.json("release", *away, "--job", job, code=9)
    assert sorted(path.name for path in job.iterdir()) == ["job.key", REQUEST]
    (job / REQUEST).write_text('{"payload": "!"}')
    town.json("release", *away, "--job", job, code=8)
    (job / REQUEST).unlink()
    town.json("release", *away, "--job", job, code=2)


@pytest.mark.loopback
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_without_the_broker_nothing_derived_opens(
    town: Any, dataset: Path, away: Any, command: str
) -> None:
    task = ["--task", "click-test-2", "--policy", "replay"]
    words = [command, *away, "--job", dataset, *(task if command != "train" else [])]
    assert "does not answer" in town.json(*words, code=9)["error"]
    (dataset / f"{DATASET}.registration.json").unlink()
    assert "no registration" in town.json(*words, code=8)["error"]
    assert not (dataset / "checkpoints").exists()
    assert not (dataset / "evaluations").exists()
