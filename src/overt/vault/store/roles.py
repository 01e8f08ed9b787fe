"""Database accounts of PostgreSQL: what each part of the vault may do with each table.

Stage: at deployment, by the database's owner. In: an engine; out: four roles with
grants and row policies. A table without a line here is nobody's but its owner's. The
roles are a second wall: broker and vault check signatures whatever a row says.

| role | process | may |
|---|---|---|
| `overt_ingest` | vault server | take in; no wrapped key, no state made up |
| `overt_broker` | key broker | read what is stored, keep keys, write the log |
| `overt_console` | console | look at facts; keep browser sessions |
| `overt_audit` | auditor | look at log, programme, halts, requests |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from overt.protocol.errors import UsageError, VaultError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

ROLES: Final = ("overt_ingest", "overt_broker", "overt_console", "overt_audit")
_INGEST, _BROKER, _CONSOLE, _AUDIT = ROLES
_ALL: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_S: Final = frozenset({"SELECT"})
_SI: Final = frozenset({"SELECT", "INSERT"})
_SIU: Final = frozenset({"SELECT", "INSERT", "UPDATE"})
_SU: Final = frozenset({"SELECT", "UPDATE"})

Rights = dict[str, frozenset[str]]
RIGHTS: Final[dict[str, Rights]] = {
    "alembic_version": dict.fromkeys(ROLES, _S),
    "programmes": {_INGEST: _SI, _BROKER: _SI, _CONSOLE: _S, _AUDIT: _S},
    "halts": {_INGEST: _SI, _BROKER: _S, _CONSOLE: _SI, _AUDIT: _S},
    "halt_acks": {_INGEST: frozenset({"SELECT", "INSERT", "DELETE"}), _CONSOLE: _S},
    "invitations": {_INGEST: _SIU, _BROKER: _SU},
    "persons": {_INGEST: _SU, _BROKER: _SI, _CONSOLE: _S},
    "devices": {_INGEST: _SI, _BROKER: _S, _CONSOLE: _S},
    "person_keys": {_BROKER: _SIU},  # others: columns, below
    "consents": {_INGEST: _SIU, _BROKER: _S, _CONSOLE: _S},
    "segments": {_INGEST: _SIU, _BROKER: _S, _CONSOLE: _S},
    "access_requests": {_INGEST: _SI, _BROKER: _S, _CONSOLE: _SI, _AUDIT: _S},
    "approvals": {_INGEST: _SIU, _BROKER: _S, _CONSOLE: _SIU, _AUDIT: _S},
    "releases": {_BROKER: _SI, _INGEST: _S, _CONSOLE: _S, _AUDIT: _S},
    "derived_keys": {_BROKER: _SIU},
    "derived": {_INGEST: _SIU, _BROKER: _S, _CONSOLE: _S},
    "derived_persons": {_INGEST: _SI, _BROKER: _S, _CONSOLE: _S},
    "log_entries": {
        _BROKER: frozenset({"SELECT", "INSERT", "DELETE"}),
        _INGEST: _S,
        _CONSOLE: _S,
        _AUDIT: _S,
    },
    "log_heads": {_BROKER: _SIU, _INGEST: _S, _CONSOLE: _S, _AUDIT: _S},
    "seen_requests": {_INGEST: _ALL, _BROKER: _ALL, _CONSOLE: _ALL},
    "web_sessions": {_CONSOLE: _ALL},
}
# without the wrapped private half: the vault server cannot even copy it
_KEY_FACTS: Final = "person, public_half, epoch, binding"
_COLUMNS: Final = (
    f"GRANT SELECT ({_KEY_FACTS}), UPDATE (binding) ON person_keys TO {_INGEST}",
    f"GRANT SELECT ({_KEY_FACTS}) ON person_keys TO {_CONSOLE}",
)
# name, table, role, command, rows seen, rows that may result
_POLICIES: Final = (
    ("segments_arrive", "segments", _INGEST, "INSERT", "", "state = 'pending'"),
    ("segments_change", "segments", _INGEST, "UPDATE", "state <> 'erased'", "true"),
    ("segments_known", "segments", _INGEST, "SELECT", "true", ""),
    ("segments_read", "segments", _BROKER, "SELECT", "state = 'stored'", ""),
    ("segments_shown", "segments", _CONSOLE, "SELECT", "true", ""),
    ("persons_known", "persons", _INGEST, "SELECT", "true", ""),
    ("persons_erased", "persons", _INGEST, "UPDATE", "true", "state = 'erased'"),
    ("persons_made", "persons", _BROKER, "ALL", "true", "state = 'active'"),
    ("persons_shown", "persons", _CONSOLE, "SELECT", "true", ""),
    ("consents_given", "consents", _INGEST, "INSERT", "", "state = 'given'"),
    ("consents_end", "consents", _INGEST, "UPDATE", "true", "true"),
    ("consents_known", "consents", _INGEST, "SELECT", "true", ""),
    ("consents_judged", "consents", _BROKER, "SELECT", "true", ""),
    ("consents_shown", "consents", _CONSOLE, "SELECT", "true", ""),
)


def install_roles(engine: Engine) -> None:
    """Make the roles and state their rights anew; the tables have to be there.

    Raises:
        UsageError: The database is none of PostgreSQL.
        VaultError: The account may not make roles or owns no tables.
    """
    if engine.dialect.name != "postgresql":
        raise UsageError(
            "Only PostgreSQL has accounts of its own.",
            remedy="With SQLite, file modes and system accounts part the servers.",
        )
    from sqlalchemy.exc import ProgrammingError

    try:
        with engine.begin() as connection:
            _install(connection)
    except ProgrammingError as error:
        raise VaultError(
            "The database refuses to make roles.",
            remedy="Do this as the tables' owner with the right CREATEROLE.",
        ) from error


def _install(connection: Connection) -> None:
    tables = set(connection.dialect.get_table_names(connection))
    for role in ROLES:
        known = text("SELECT 1 FROM pg_roles WHERE rolname = :role")
        if connection.execute(known, {"role": role}).first() is None:
            connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
        for table in tables:
            connection.execute(text(f"REVOKE ALL ON {table} FROM {role}"))
    for table in tables & RIGHTS.keys():
        for role, rights in RIGHTS[table].items():
            listed = ", ".join(sorted(rights))
            connection.execute(text(f"GRANT {listed} ON {table} TO {role}"))
    for grant in _COLUMNS:
        connection.execute(text(grant))
    for role in ROLES:
        connection.execute(
            text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
        )
    for policy in _POLICIES:
        _set_policy(connection, *policy)


def _set_policy(  # noqa: PLR0913, PLR0917 - the columns of the table above
    connection: Connection,
    name: str,
    table: str,
    role: str,
    command: str,
    seen: str,
    made: str,
) -> None:
    using = f" USING ({seen})" if seen else ""
    check = f" WITH CHECK ({made})" if made else ""
    head = f"CREATE POLICY {name} ON {table} FOR {command} TO {role}"
    connection.execute(text(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"))
    connection.execute(text(f"DROP POLICY IF EXISTS {name} ON {table}"))
    connection.execute(text(head + using + check))
