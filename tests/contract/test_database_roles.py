"""Each account of PostgreSQL, tried on each table: what is not stated is refused."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from overt.protocol.errors import UsageError
from overt.vault.store.database import Database
from overt.vault.store.roles import RIGHTS, ROLES, install_roles
from overt.vault.store.rows import Base, PersonKeyRow, PersonRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.fakes.servers import Postgres

_TRIES = {
    "SELECT": "SELECT 1 FROM {0} WHERE false",
    "INSERT": "INSERT INTO {0} DEFAULT VALUES",
    "UPDATE": "UPDATE {0} SET {1} = {1} WHERE false",
    "DELETE": "DELETE FROM {0} WHERE false",
}
_SEGMENT = """INSERT INTO segments (segment_id, object_name, size_bytes, sha256, person,
device_id, session_id, sequence, consent_id, day, state)
VALUES ('s', 'o', 1, '', 'p', 'd', 'x', 0, 'c', '2026-11-25', '{}')"""


@pytest.fixture(scope="module")
def name(postgres: Postgres) -> str:
    name = f"roles-{uuid.uuid4().hex[:8]}"
    database = Database(postgres.create(name, "migrated"))
    install_roles(database.engine)
    install_roles(database.engine)
    with database.write() as session:
        session.execute(insert(PersonRow), [{"person": "p"}])
        row = {"person": "p", "public_half": "", "epoch": 1, "wrapped": b"secret"}
        session.execute(insert(PersonKeyRow), [row])
        session.execute(text("INSERT INTO devices VALUES ('d', 'p', 'k', '', '', '')"))
        session.execute(
            text(
                "INSERT INTO consents (consent_id, person, device_id, state, document,"
                " receipt) VALUES ('c', 'p', 'd', 'given', '', '')"
            )
        )
        for number, state in enumerate(("pending", "stored", "erased")):
            filled = _SEGMENT.format(state).replace("'s', 'o'", f"'{state}', '{state}'")
            session.execute(text(filled.replace("0, 'c'", f"{number}, 'c'")))
    database.close()
    return name


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def owner(postgres: Postgres, name: str) -> Iterator[Engine]:
    engine = create_engine(postgres.url(name))
    yield engine
    engine.dispose()


def may(engine: Engine, role: str, statement: str) -> bool:
    """Try a statement as a role; whatever it does is taken back."""
    return refusal(engine, role, statement) == ""


def refusal(engine: Engine, role: str, statement: str) -> str:
    """Return what refuses a statement: `table`, `row` or nothing."""
    with engine.connect() as connection:
        connection.execute(text(f"SET ROLE {role}"))
        try:
            connection.execute(text(statement))
        except ProgrammingError as error:
            if "permission denied" in str(error):
                return "table"
            if "row-level security" in str(error):
                return "row"
            raise
        except IntegrityError:
            return ""  # allowed, but the row itself is no good
        finally:
            connection.rollback()
    return ""


def test_each_role_may_do_what_is_stated_and_nothing_else(
    owner: Engine, role: str
) -> None:
    wrong = []
    for table in [*Base.metadata.tables, "alembic_version"]:
        stated = RIGHTS.get(table, {}).get(role, frozenset())
        column = "version_num"
        if table in Base.metadata.tables:
            column = next(iter(Base.metadata.tables[table].columns)).name
        for right, statement in _TRIES.items():
            if table == "person_keys" and right in {"SELECT", "UPDATE"}:
                continue  # by columns, below
            refused = refusal(owner, role, statement.format(table, column))
            if (refused != "table") != (right in stated):
                wrong.append(f"{right} {table}")
    assert wrong == []


def test_every_table_states_its_rights() -> None:
    assert Base.metadata.tables.keys() - RIGHTS.keys() == set()


def test_only_the_broker_sees_a_wrapped_key(owner: Engine, role: str) -> None:
    sees = role == "overt_broker"
    assert may(owner, role, "SELECT wrapped FROM person_keys") == sees
    assert may(owner, role, "UPDATE person_keys SET wrapped = ''") == sees
    facts = role != "overt_audit"
    assert may(owner, role, "SELECT public_half FROM person_keys") == facts


def test_rows_that_a_role_does_not_see(owner: Engine) -> None:
    seen = {}
    for role in ("overt_ingest", "overt_broker", "overt_console"):
        with owner.connect() as connection:
            connection.execute(text(f"SET ROLE {role}"))
            found = connection.execute(text("SELECT state FROM segments"))
            seen[role] = sorted(found.scalars())
    assert seen["overt_broker"] == ["stored"]
    assert seen["overt_console"] == ["erased", "pending", "stored"]
    assert seen["overt_ingest"] == ["erased", "pending", "stored"]


def test_states_that_a_role_cannot_make_up(owner: Engine) -> None:
    assert not may(owner, "overt_ingest", _SEGMENT.format("stored"))
    new = _SEGMENT.format("pending").replace("0, 'c'", "9, 'c'")
    assert may(owner, "overt_ingest", new)
    assert not may(owner, "overt_ingest", "UPDATE persons SET state = 'active'")
    assert may(owner, "overt_ingest", "UPDATE persons SET state = 'erased'")
    assert not may(owner, "overt_ingest", "INSERT INTO persons VALUES ('q', 'active')")
    back = "UPDATE segments SET state = 'stored' WHERE segment_id = 'erased'"
    with owner.connect() as connection:
        connection.execute(text("SET ROLE overt_ingest"))
        assert connection.execute(text(back)).rowcount == 0
        connection.rollback()


def test_roles_are_of_postgresql_alone() -> None:
    with pytest.raises(UsageError, match="Only PostgreSQL"):
        install_roles(create_engine("sqlite://"))
