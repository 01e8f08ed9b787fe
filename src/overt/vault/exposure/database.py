"""Rows: who can read which table, by PostgreSQL's own catalog, proved by trying.

Stage: an adapter of the exposure audit. In: the database, and the URLs of the service
accounts; out: reaches and trials. For SQLite the file is all there is to say, and
`files` says it. It reads whether a row comes, never what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from overt.vault.exposure.findings import Exposure, Reach, Trial, place
from overt.vault.store.rows import Base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

_ROLES = text(
    "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles"
    " WHERE rolname NOT LIKE 'pg\\_%' ORDER BY rolname"
)
_RIGHTS = text(
    "SELECT c.relname, c.relrowsecurity, pg_get_userbyid(c.relowner),"
    " has_table_privilege(:role, c.oid, 'SELECT'),"
    " EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid"
    "  AND p.polcmd IN ('r', '*')"
    "  AND (p.polroles = '{0}' OR EXISTS (SELECT FROM unnest(p.polroles) r"
    "   WHERE pg_has_role(:role, r, 'USAGE'))))"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = 'public'"
    " ORDER BY c.relname"
)
_PUBLIC = text(
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
    " LATERAL aclexplode(c.relacl) a WHERE n.nspname = 'public'"
    " AND a.grantee = 0 AND a.privilege_type = 'SELECT'"
)
_LOGGING = text("SHOW log_statement")


@dataclass(frozen=True, slots=True)
class DatabaseAccount:
    """A database account as the design means it.

    Attributes:
        role: Its name in the database.
        reads: Tables that it may read; `*`: all.
        url: How to come in as this account; empty: it is not tried.
    """

    role: str
    reads: tuple[str, ...]
    url: str = ""


def look(engine: Engine, accounts: Sequence[DatabaseAccount]) -> Exposure:
    """Return who can read which table; of PostgreSQL alone."""
    if engine.dialect.name != "postgresql":
        return place()
    where = str(engine.url.set(username=None, password=None, query={}))
    try:
        with engine.connect() as connection:
            reaches = _reaches(connection, where, accounts)
            kept = connection.execute(_LOGGING).scalar_one() == "all"
    except SQLAlchemyError as error:
        why = f"The catalog of {where} cannot be read ({type(error).__name__})."
        return place(unknown=[why], access_logs={where: "unknown"})
    trials = [one for account in accounts for one in _tried(account, where)]
    log = "the server's log (log_statement = all)" if kept else "unknown: not kept"
    return place(reaches=reaches, trials=trials, access_logs={where: log})


def _reaches(
    connection: Connection, where: str, accounts: Sequence[DatabaseAccount]
) -> list[Reach]:
    meant = {one.role: one.reads for one in accounts}
    me = connection.execute(text("SELECT current_user")).scalar_one()
    found = [
        Reach("anyone with a database account", "rows", f"{where}.{table}", "PUBLIC")
        for (table,) in connection.execute(_PUBLIC)
    ]
    for role, is_super, bypasses, _ in connection.execute(_ROLES).all():
        if is_super:
            expected = role in meant or role == me
            found.append(Reach(role, "rows", where, "superuser", expected=expected))
            continue
        rights = connection.execute(_RIGHTS, {"role": role})
        for table, secured, owner, may, policy in rights.all():
            if not may or (secured and not bypasses and not policy and owner != role):
                continue
            how = _how(owns=owner == role, secured=secured, bypasses=bypasses)
            expected = _meant(meant.get(role, ()), table)
            spot = f"{where}.{table}"
            found.append(Reach(role, "rows", spot, how, expected=expected))
    return found


def _how(*, owns: bool, secured: bool, bypasses: bool) -> str:
    if owns:
        return "owner"
    if secured:
        return "bypasses row policies" if bypasses else "granted, by row policy"
    return "granted, every row"


def _meant(reads: Sequence[str], table: str) -> bool:
    return "*" in reads or table in reads


def _tried(account: DatabaseAccount, where: str) -> list[Trial]:
    """Try to read one row of each table as a service account."""
    if not account.url:
        why = "not tried: no credential was given to the audit"
        return [Trial(account.role, "rows", where, None, why=why)]
    engine = create_engine(account.url, hide_parameters=True)
    try:
        return [
            _one(engine, account, f"{where}.{table}", table)
            for table in sorted(Base.metadata.tables)
        ]
    finally:
        engine.dispose()


def _one(engine: Engine, account: DatabaseAccount, spot: str, table: str) -> Trial:
    quoted = engine.dialect.identifier_preparer.quote(table)
    expected = _meant(account.reads, table)
    try:
        with engine.connect() as connection:
            query = text(f"SELECT 1 FROM {quoted} LIMIT 1")  # noqa: S608 - a table of ours
            opened = connection.execute(query).first() is not None
            why = "a row came" if opened else "no row came"
    except SQLAlchemyError as error:
        opened, why = False, type(error).__name__
    return Trial(account.role, "rows", spot, opened, expected, why)
