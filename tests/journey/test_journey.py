"""Three tasks through real processes, with one of two participants withdrawing halfway.

Xvfb, Chromium, the recorder, the vault and the broker are the real ones; commands are
run as people run them.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from demo import checking, founding, learning, reading, recording
from demo.run import PASSPHRASE, Config, Run
from overt.cli.jobs import RELEASE, open_job
from overt.protocol.release import ReleaseNames, open_release, read_release
from overt.research.evaluate.pages import PageServer
from overt.vault.store.database import Database
from overt.vault.store.rows import ReleaseRow

if TYPE_CHECKING:
    from pathlib import Path

TASKS = ("click-test-2", "enter-text", "click-dialog")

pytestmark = [
    pytest.mark.journey,
    pytest.mark.display,
    pytest.mark.timeout(900),
]


def stage(run: Run, name: str, figures: dict[str, object]) -> None:
    run.finish(name, 0.0, figures)


def test_two_people_record_one_withdraws_and_an_agent_learns(tmp_path: Path) -> None:
    config = Config(
        tasks=TASKS,
        demos=4,
        privacy=("login-user",),
        privacy_demos=1,
        episodes=1,
        train_s=8,
        pace=1.6,
    )
    run = Run(tmp_path / "run", config)
    stage(run, "keys", founding.make_keys(run))
    with PageServer() as pages:
        stage(run, "programme", founding.create_programme(run, pages.url))
        with founding.Servers(run) as servers:
            stage(run, "enrol", founding.enrol_participants(run, servers))
            stage(run, "record", recording.record(run))
            stage(run, "send", reading.review_and_send(run))
            withdrawn = run.state.figures["people"][1]
            home = {"OVERT_HOME": str(run.home(2))}
            run.overt("consent", "withdraw", "--erase", **home)
            stage(run, "release", reading.request_and_release(run))
            assert_stays_withdrawn(run)
            assert_only_the_other(run, withdrawn)
            stage(run, "refine", reading.refine(run))
            stage(run, "train", learning.train(run))
            stage(run, "evaluate", learning.evaluate(run))
            stage(run, "export", reading.export(run))
    figures = checking.check(run)

    expected = figures["events_injected"] - figures["events_withheld"]
    assert figures["events_recorded"] == expected
    assert figures["event_differences"] == 0
    assert figures["reads_logged"] == figures["key_unwraps"] > 0
    assert figures["log_verified"]
    compared = run.overt(
        "fsck", "--data", run.folder / "server", "--programme", run.folder / "programme"
    )
    assert compared["differences"] == []
    assert compared["segments"] > 0
    assert figures["derived_made"] == figures["derived_registered"] == 8
    assert figures["derived_reads"] > 0
    assert figures["canaries_in_store"] == 0
    assert figures["passwords_typed"] > 0
    assert figures["passwords_found_in_keys"] == 0
    assert run.state.figures["steps"] > 0
    assert set(run.state.figures["tasks"]) == set(TASKS)


def assert_stays_withdrawn(run: Run) -> None:
    """The recorder refuses with the documented exit code and says why."""
    refused = subprocess.run(
        run.command("record", "--json"),
        env=run.env(OVERT_HOME=str(run.home(2)), DISPLAY=":0"),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert refused.returncode == 3
    assert "withdrawn" in json.loads(refused.stderr)["error"]


def assert_only_the_other(run: Run, withdrawn: str) -> None:
    """Nothing of the person who withdrew is in the release."""
    data = (run.folder / "job" / RELEASE).read_bytes()
    header, parts = read_release(data)
    rows = Database(f"sqlite:///{run.folder / 'server' / 'vault' / 'rows.db'}")
    with rows.read() as session:
        release = session.get_one(ReleaseRow, header.release)
    rows.close()
    names = ReleaseNames(release.names_key or b"")
    people = {names.resolve(part.header.person) for part in parts}
    assert people == {run.state.figures["people"][0]}
    assert withdrawn not in people
    assert all(open_release(data, open_job(run.folder / "job", PASSPHRASE)))
