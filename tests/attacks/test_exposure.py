"""Attacks that are mistakes: something is left open; the audit finds it and halts."""

from __future__ import annotations

import json
import stat
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from overt.protocol import routes
from overt.protocol.halt import sign_halt
from overt.vault.exposure import audit
from overt.vault.exposure.audit import Environment, Verdict, run
from overt.vault.exposure.bucket import Bucket, look
from overt.vault.exposure.database import DatabaseAccount
from overt.vault.exposure.files import Folder
from overt.vault.exposure.findings import Trial
from overt.vault.store.files import write_durably
from tests.attacks.rows import attack, instead
from tests.fakes.stacks import ServedStack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from overt.vault.exposure.findings import Exposure
    from tests.fakes.stacks import Stack
    from tests.fakes.world import World

blind = instead(audit, "unexpected", lambda *_: [])


@contextmanager
def reachable(folder: Path) -> Iterator[None]:
    """Let others through to a folder of the test's, as to a server's."""
    above = [one for one in (folder, *folder.parents) if "pytest" in str(one)]
    modes = {one: stat.S_IMODE(one.stat().st_mode) for one in above}
    for one in above:
        one.chmod(0o711)
    try:
        yield
    finally:
        for one, mode in modes.items():
            one.chmod(mode)


def environment(stack: Stack, world: World, *folders: Folder) -> Environment:
    """Return what the audit looks at on a stack."""
    own = [Folder(world.folder / "kms", "keys"), *folders]
    if not isinstance(stack, ServedStack):
        own += [Folder(stack.folder / "objects", "segments")]
        own += [Folder(path, "rows") for path in stack.folder.glob("rows.db*")]
        return Environment(world.database, world.in_force(), (*own,), world.objects)
    client, url = stack._aws.client("s3"), f"{stack._aws.url}/{stack.name}"

    def bucket(canary: str) -> Exposure:
        return look(Bucket(stack.name, url, client, canary))

    return Environment(
        world.database,
        world.in_force(),
        (*own,),
        world.objects,
        (DatabaseAccount(stack._postgres.user, ("*",)),)
        if hasattr(stack._postgres, "user")
        else (),
        (bucket,),
    )


def looked(stack: Stack, world: World, *folders: Folder) -> Verdict:
    with reachable(stack.folder):
        keep = stack.folder / "audit"
        return run(environment(stack, world, *folders), keep, lambda: world.now_s)


def fresh(verdict: Verdict, before: Verdict) -> list[Any]:
    return [one for one in verdict.found if str(one) not in map(str, before.found)]


@attack(blind)
def test_a_bucket_left_open_halts_the_programme(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"one", b"two")
    request = world.granted()
    assert world.opened(request) == [b"one", b"two"]
    before = looked(stack, world)
    stack.publish()
    if not isinstance(stack, ServedStack):
        (stack.folder / "objects").chmod(0o755)  # a folder's own mode counts as well
    found = looked(stack, world)
    opened = [one for one in fresh(found, before) if isinstance(one, Trial)]
    assert [one.what for one in opened] != []
    assert all(one.opened for one in opened)
    assert any(one not in before.came for one in found.came)
    assert found.report.read == {"rob": 2}
    assert "unknown" in " ".join(found.report.access_logs.values())
    assert found.order is not None
    # it halts by its own key, says who could read, and opens the breach file
    document = sign_halt(found.order, [world.keys["exa"]])
    assert world.call("exa", "POST", routes.HALTS, document).status_code == 200
    assert world.release(request).status_code == 423
    device = world.enrol()
    order = world.call(device, "GET", routes.WORD).json()["order"]
    assert order == document
    (file,) = sorted((stack.folder / "audit").glob("breach-*"))[-1:]
    assert file.stat().st_mode & 0o077 == 0
    breach = json.loads(file.read_bytes())
    assert breach["could_read"]
    assert breach["did_read"] == {"rob": 2}
    assert breach["authority_by_utc"] > breach["found_utc"]
    assert breach["people_at_most"] == "fewer than 5"


@attack(blind)
def test_rows_left_open_are_found(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"one")
    before = looked(stack, world)
    if isinstance(stack, ServedStack):
        with world.database.write() as session:
            session.execute(text("GRANT SELECT ON segments TO PUBLIC"))
    else:
        for path in stack.folder.glob("rows.db*"):
            path.chmod(0o644)
    found = fresh(looked(stack, world), before)
    assert {one.what for one in found} == {"rows"}
    assert any("anyone" in one.who for one in found)


@attack(blind)
def test_a_row_policy_that_lets_a_role_see_is_found(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"one")
    if not isinstance(stack, ServedStack):
        # rows of SQLite have no policies: the group's right to the file is the like
        before = looked(stack, world)
        for path in stack.folder.glob("rows.db"):
            path.chmod(0o604)
        assert fresh(looked(stack, world), before)
        return
    role = f"nosy_{uuid.uuid4().hex[:8]}"
    with world.database.write() as session:
        session.execute(text(f"CREATE ROLE {role}"))
        session.execute(text("ALTER TABLE consents ENABLE ROW LEVEL SECURITY"))
        session.execute(text(f"GRANT SELECT ON consents TO {role}"))
    before = looked(stack, world)
    assert not any(one.who == role for one in before.found)  # no policy: no row
    with world.database.write() as session:
        session.execute(
            text(f"CREATE POLICY wide ON consents FOR SELECT TO {role} USING (true)")
        )
    found = fresh(looked(stack, world), before)
    assert [(one.who, one.what) for one in found] == [(role, "rows")]
    with world.database.write() as session:
        session.execute(text(f"DROP OWNED BY {role}"))
        session.execute(text(f"DROP ROLE {role}"))


@attack(blind)
def test_a_key_store_left_open_is_found(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"one")
    before = looked(stack, world)
    (world.folder / "kms").chmod(0o755)
    (world.folder / "kms" / "keyring.json").chmod(0o644)
    with reachable(world.folder):
        found = fresh(looked(stack, world), before)
    assert {(one.who, one.what) for one in found} == {("anyone here", "keys")}
    assert any(isinstance(one, Trial) and one.opened for one in found)


@attack(blind)
def test_derived_data_in_an_open_folder_is_found(stack: Stack) -> None:
    world = stack.world()
    derived = stack.folder / "datasets"
    derived.mkdir(mode=0o700)
    write_durably(derived / "shard-0.ovds", b"sealed")
    folder = Folder(derived, "derived")
    before = looked(stack, world, folder)
    derived.chmod(0o755)
    (derived / "shard-0.ovds").chmod(0o644)
    found = fresh(looked(stack, world, folder), before)
    assert {(one.who, one.what) for one in found} == {("anyone here", "derived")}
    assert any(isinstance(one, Trial) and one.opened for one in found)
