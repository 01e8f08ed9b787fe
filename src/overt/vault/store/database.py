"""The database of rows: SQLite by default, PostgreSQL by URL, migrated at start.

Stage: below govern, log, ingest and broker. In: a URL; out: sessions that commit whole
or not at all. A commit is on disk when it returns (SQLite: WAL, synchronous=FULL), and
one session writes at a time. SQLite overwrites erased rows (secure_delete); PostgreSQL
keeps them until it vacuums. It never decides anything.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from overt.protocol.errors import UsageError, VaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

_PRAGMAS = (
    "PRAGMA busy_timeout=20000",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
)
_WRITERS = 0x6F76657274  # "overt": the advisory lock that every writer takes


class Database:
    """Sessions on a migrated database.

    Args:
        url: `sqlite:///PATH` or `postgresql+DRIVER://...`.

    Raises:
        UsageError: The URL is malformed or its driver is not installed.
        VaultError: The database cannot be opened or migrated.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = _engine(url)
        except (ArgumentError, ImportError) as error:
            raise UsageError(
                "The database URL cannot be used.",
                remedy="Give sqlite:///PATH, or postgresql with an installed driver.",
            ) from error
        self._writing = self.engine.execution_options(overt_write=True)
        try:
            migrate(self.engine)
        except (SQLAlchemyError, OSError) as error:
            raise VaultError(
                f"The database cannot be opened ({type(error).__name__}).",
                remedy="Check that its folder exists and can be written.",
            ) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session for reading; nothing that it changes is kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Yield a connection for reading columns: a third of a session's cost."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session that commits at the end, or rolls back on an exception.

        One session writes at a time: the write lock is taken at the beginning, so that
        what was read in the session still holds when it commits.

        Raises:
            VaultError: The database refused, for example because its disk is full.
        """
        with Session(self._writing, expire_on_commit=False) as session:
            try:
                with session.begin():
                    yield session
            except SQLAlchemyError as error:
                raise VaultError(
                    f"The database refused a change ({type(error).__name__})."
                ) from error

    def scrub(self) -> None:
        """Bring erased rows out of SQLite's write-ahead log as well.

        Raises:
            VaultError: They could not be, for example because the disk fails.
        """
        if self.engine.dialect.name != "sqlite":
            return
        try:
            with self.engine.connect() as connection:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        except SQLAlchemyError as error:
            raise VaultError(
                "Erased rows are still in the database's write-ahead log"
                f" ({type(error).__name__}).",
                remedy="Free space on its disk, then send the erasure again.",
            ) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    engine = create_engine(parsed, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            _private_file(Path(parsed.database))
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "begin", _on_begin_postgresql)
    return engine


def _private_file(path: Path) -> None:
    """Make the database file with mode 0600; its WAL inherits the mode.

    One that others can read stays as it is: closing it here would hide from the
    exposure audit that it was open.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise VaultError(f"Database {path} cannot be made.") from error


def _on_connect(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin in _on_begin
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _on_begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("overt_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _on_begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("overt_write", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring a database up or down to a revision of the migrations, or change nothing.

    SQLite alters a table by copying it: meanwhile what others refer to is gone, so
    references are checked at the end instead.

    Raises:
        VaultError: A row would refer to one that is not there; nothing was changed.
        sqlalchemy.exc.SQLAlchemyError: The database refused.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    writing = engine.execution_options(overt_write=True)
    with writing.connect() as connection, _unchecked(connection), connection.begin():
        config.attributes["connection"] = connection
        now = MigrationContext.configure(connection).get_current_revision()
        is_down = revision != "head" and revision < (now or "")
        (command.downgrade if is_down else command.upgrade)(config, revision)
        if engine.dialect.name == "sqlite":
            lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if lost:
                raise VaultError(f"Rows of {lost[0][0]} refer to rows that are gone.")


@contextmanager
def _unchecked(connection: Connection) -> Iterator[None]:
    """Let SQLite check no references on a connection meanwhile."""
    if connection.dialect.name != "sqlite":
        yield
        return
    plain: Any = connection.connection.driver_connection
    plain.execute("PRAGMA foreign_keys = OFF")  # takes no effect in a transaction
    try:
        yield
    finally:
        plain.execute("PRAGMA foreign_keys = ON")
