"""The two ways in which rows and objects may lie, each with what an attacker takes.

`sqlite+files`: a database file and a folder. `postgresql+s3`: a real PostgreSQL and a
bucket on a server that checks who calls. `loot` copies what lies there, whole, as
somebody would who has the disks but not the key store.
"""

from __future__ import annotations

import logging
import shutil
import uuid
from typing import TYPE_CHECKING

import httpx

from overt.vault.store.database import Database
from overt.vault.store.objects import S3Objects, open_objects
from tests.fakes.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from overt.vault.store.objects import StoredObjects
    from tests.fakes.servers import Aws, Postgres

STACKS = ("sqlite+files", "postgresql+s3")
_PUBLIC = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
"Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"],
"Resource": ["arn:aws:s3:::BUCKET", "arn:aws:s3:::BUCKET/*"]}]}"""


class Stack:
    """Rows in a file of SQLite, objects in a folder.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database, self.objects = self._open()
        self._log = logging.FileHandler(folder / "all.log")
        root = logging.getLogger()
        self._level = root.level
        root.addHandler(self._log)
        root.setLevel(logging.DEBUG)
        self.worlds: list[World] = []

    def _open(self) -> tuple[Database, StoredObjects]:
        database = Database(f"sqlite:///{self.folder}/rows.db")
        return database, open_objects(f"file://{self.folder}/objects")

    def world(self) -> World:
        """Found a programme whose vault lies here."""
        (self.folder / "vault").mkdir()
        made = World(self.folder / "vault", self.database, self.objects)
        self.worlds.append(made)
        return made

    def close(self) -> None:
        """Let go of everything."""
        for world in self.worlds:
            world.stop()
        self.database.close()
        logging.getLogger().removeHandler(self._log)
        logging.getLogger().setLevel(self._level)
        self._log.close()

    def loot(self, where: Path) -> Path:
        """Copy rows, objects, the log and every line that was logged."""
        self._copy_rows(where)
        self.fetch(where / "objects")
        shutil.copytree(self.folder / "vault" / "log", where / "log")
        shutil.copy(self.folder / "all.log", where)
        return where

    def _copy_rows(self, where: Path) -> None:
        where.mkdir()
        for path in self.folder.glob("rows.db*"):
            shutil.copy(path, where)

    def fetch(self, where: Path) -> None:
        """Take every object as the owner of the store."""
        where.mkdir()
        for name in self.objects.names():
            (where / name.replace("/", "_")).write_bytes(self.objects.get(name))

    def publish(self) -> None:
        """Make the store readable for everybody, by mistake."""
        for path in (self.folder / "objects").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def anonymous(self, where: Path) -> int:
        """Fetch as nobody in particular; return how many objects came."""
        where.mkdir()
        paths = [
            path for path in (self.folder / "objects").rglob("*") if path.is_file()
        ]
        for path in paths:
            assert path.stat().st_mode & 0o004, "not public: the attack was not played"
            name = path.relative_to(self.folder / "objects").as_posix()
            (where / name.replace("/", "_")).write_bytes(path.read_bytes())
        return len(paths)

    def keep(self, where: Path) -> None:
        """Back rows and objects up, as a tool that knows nothing of keys would."""
        self._copy_rows(where)
        shutil.copytree(self.folder / "objects", where / "objects")

    def bring_back(self, where: Path) -> None:
        """Put a backup back in place of what there is."""
        self.database.close()
        for path in self.folder.glob("rows.db*"):
            path.unlink()
        for path in where.glob("rows.db*"):
            shutil.copy(path, self.folder)
        shutil.copytree(where / "objects", self.folder / "objects", dirs_exist_ok=True)


class ServedStack(Stack):
    """Rows in PostgreSQL, objects in a bucket.

    Args:
        folder: An empty folder.
        postgres: The cluster.
        aws: The S3 server.
        template: A migrated database in the cluster.
    """

    def __init__(
        self, folder: Path, postgres: Postgres, aws: Aws, template: str
    ) -> None:
        self._postgres, self._aws, self._template = postgres, aws, template
        self.name = f"overt-{uuid.uuid4().hex[:12]}"
        super().__init__(folder)

    def _open(self) -> tuple[Database, StoredObjects]:
        self._aws.client("s3").create_bucket(Bucket=self.name)
        url = self._postgres.create(self.name, self._template)
        return Database(url), S3Objects(self.name, **self._aws.settings())

    def _copy_rows(self, where: Path) -> None:
        where.mkdir()
        (where / "dump.sql").write_bytes(self._postgres.dump(self.name))
        for path in self._postgres.files(self.name):
            target = where / "cluster" / path.name
            if path.is_dir():
                shutil.copytree(path, target)
            else:
                target.parent.mkdir(exist_ok=True)
                shutil.copy(path, target)

    def publish(self) -> None:
        """Make the bucket readable for everybody, by mistake."""
        policy = _PUBLIC.replace("BUCKET", self.name)
        self._aws.client("s3").put_bucket_policy(Bucket=self.name, Policy=policy)

    def anonymous(self, where: Path) -> int:
        """Fetch without a signature; return how many objects came."""
        where.mkdir()
        names = list(self.objects.names())
        for name in names:
            answer = httpx.get(f"{self._aws.url}/{self.name}/{name}")
            assert answer.status_code == 200, "not public: the attack was not played"
            head = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
            content = head.encode() + b"\n\n" + answer.content
            (where / name.replace("/", "_")).write_bytes(content)
        return len(names)

    def keep(self, where: Path) -> None:
        """Back rows and objects up, as a tool that knows nothing of keys would."""
        where.mkdir()
        self.database.close()
        self._postgres.create(f"{self.name}-kept", self.name)
        for name in self.objects.names():
            target = where / "objects" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.objects.get(name))

    def bring_back(self, where: Path) -> None:
        """Put a backup back in place of what there is."""
        self.database.close()
        self._postgres.drop(self.name)
        self._postgres.create(self.name, f"{self.name}-kept")
        here = set(self.objects.names())
        for path in (where / "objects").rglob("*"):
            name = path.relative_to(where / "objects").as_posix()
            if path.is_file() and name not in here:
                self.objects.put(name, path.read_bytes())
