"""A vault in memory and an enrolled participant."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

_FAKE = Path(__file__).parents[3] / "fakes" / "vault.py"


@pytest.fixture(scope="session")
def fakes() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(_FAKE)))


@pytest.fixture
def vault(fakes: SimpleNamespace) -> Iterator[Any]:
    made = fakes.FakeVault()
    yield made
    made.close()


@pytest.fixture
def participant(
    fakes: SimpleNamespace, vault: Any, tmp_path: Path
) -> Iterator[SimpleNamespace]:
    made = fakes.enrolled(vault, tmp_path / "home")
    yield made
    made.client.close()


@pytest.fixture
def consenting(participant: SimpleNamespace) -> SimpleNamespace:
    """An enrolled participant who has consented to one purpose."""
    from overt.recorder.person.consenting import give, make_record

    record = make_record(
        participant.programme,
        participant.enrolment,
        purposes=["train-agents"],
        data_types=["input", "screen", "context"],
    )
    give(
        participant.home,
        participant.identity.device,
        participant.programme,
        record,
        participant.client,
    )
    participant.consent = record
    return participant


@pytest.fixture
def words(tmp_path: Path, fakes: SimpleNamespace) -> Path:
    """The passphrase of whoever is enrolled, in a file."""
    path = tmp_path / "words"
    path.write_text(fakes.PASSPHRASE)
    path.chmod(0o600)
    return path
