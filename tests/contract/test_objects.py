"""One suite over every object store: written once, whole, under random names."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import uuid
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from overt.protocol.errors import UsageError, VaultError
from overt.vault.store import objects as store
from overt.vault.store.objects import (
    S3Objects,
    StoredObjects,
    new_object_name,
    open_objects,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.servers import Aws

pytestmark = pytest.mark.loopback
WRITER = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::*"}
    ],
}


@pytest.fixture
def bucket(aws: Aws) -> str:
    name = f"overt-{uuid.uuid4().hex[:12]}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["file", "memory", "s3", "s3 below a prefix"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> StoredObjects:
    if not request.param.startswith("s3"):
        memory = request.param == "memory"
        return open_objects("memory:" if memory else f"file://{tmp_path}/objects")
    aws, bucket = (request.getfixturevalue(name) for name in ("aws", "bucket"))
    prefix = "vault" if request.param.endswith("prefix") else ""
    return S3Objects(bucket, prefix, **aws.settings())


@pytest.mark.parametrize(
    "name", ["../secret", "aa/../../secret", "/etc/hostname", "secret", "aa/secret\n"]
)
def test_no_name_leads_out_of_the_store(
    objects: StoredObjects, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_bytes(b"not an object")
    objects.put("aa/" + "a" * 32, b"an object")
    with pytest.raises(VaultError):
        objects.get(name)


@pytest.mark.parametrize("data", [b"", b"x", bytes(9 << 20)])
def test_what_is_put_is_got(objects: StoredObjects, data: bytes) -> None:
    name = new_object_name()
    objects.put(name, data)
    assert objects.get(name) == data
    assert list(objects.names()) == [name]


def test_nothing_is_overwritten(objects: StoredObjects) -> None:
    name = new_object_name()
    objects.put(name, b"first")
    with pytest.raises(VaultError, match="exists"):
        objects.put(name, b"second")
    assert objects.get(name) == b"first"


def test_of_many_who_put_at_once_one_wins(objects: StoredObjects) -> None:
    name, refused = new_object_name(), []

    def put(data: bytes) -> None:
        try:
            objects.put(name, data)
        except VaultError as error:
            refused.append(error)

    threads = [threading.Thread(target=put, args=(bytes([at]),)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert len(objects.get(name)) == 1


def test_every_name_is_listed(objects: StoredObjects) -> None:
    names = {new_object_name() for _ in range(30)}
    for name in names:
        objects.put(name, b"x")
    assert set(objects.names()) == names


def test_what_is_not_there_is_said(objects: StoredObjects) -> None:
    name = new_object_name()
    with pytest.raises(VaultError, match=name):
        objects.get(name)


def test_erased_is_gone_and_may_be_erased_again(objects: StoredObjects) -> None:
    kept, gone = new_object_name(), new_object_name()
    objects.put(kept, b"kept")
    objects.put(gone, b"gone")
    objects.delete(gone)
    objects.delete(gone)
    assert list(objects.names()) == [kept]
    with pytest.raises(VaultError):
        objects.get(gone)


def test_names_are_random() -> None:
    names = {new_object_name() for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) == 35 and name[:2] == name[3:5] for name in names)


def test_local_files_are_private_and_tell_a_date_alone(tmp_path: Path) -> None:
    objects = open_objects(f"file://{tmp_path}/objects")
    objects.put(new_object_name(), b"sealed")
    for path in (tmp_path / "objects").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600)
        assert path.stat().st_mtime % 86400 == 0
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700


def test_what_a_killed_put_left_is_no_object(tmp_path: Path) -> None:
    objects = open_objects(f"file://{tmp_path}/objects")
    name = new_object_name()
    objects.put(name, b"whole")
    (tmp_path / "objects" / f"{name[:-1]}x#1").write_bytes(b"part of")
    assert list(objects.names()) == [name]


def test_who_may_only_write_reads_and_overwrites_nothing(aws: Aws, bucket: str) -> None:
    iam = aws.client("iam")
    user = f"writer-{bucket}"
    iam.create_user(UserName=user)
    iam.put_user_policy(
        UserName=user, PolicyName="w", PolicyDocument=json.dumps(WRITER)
    )
    key = iam.create_access_key(UserName=user)["AccessKey"]
    own = key["AccessKeyId"], key["SecretAccessKey"]
    with aws.checking():
        writer = S3Objects(bucket, **aws.settings(*own))
        name = new_object_name()
        writer.put(name, b"sealed")
        with pytest.raises(VaultError, match="cannot be read"):
            writer.get(name)
        with pytest.raises(VaultError):
            writer.delete(name)
        with pytest.raises(VaultError, match="exists"):
            writer.put(name, b"other")
        thief = S3Objects(bucket, **aws.settings(own[0], "not the secret"))
        with pytest.raises(VaultError):
            thief.put(new_object_name(), b"x")


class Shaky(BaseHTTPRequestHandler):
    """Refuses twice, then takes; says nothing at all about `/silent`."""

    left, taken = 2, 0

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if "silent" in self.path:
            return
        status = 503 if Shaky.left else 200
        Shaky.left = max(0, Shaky.left - 1)
        Shaky.taken += status == 200
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def shaky() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Shaky)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def settings(endpoint: str) -> dict[str, str]:
    own = {"access_key_id": "a", "secret_access_key": "b", "region": "us-east-1"}
    return {"endpoint": endpoint, **own}


def test_a_bucket_that_refuses_for_a_moment_is_asked_again(shaky: str) -> None:
    S3Objects("bucket", **settings(shaky)).put(new_object_name(), b"x")
    assert (Shaky.left, Shaky.taken) == (0, 1)


def test_a_bucket_that_answers_nothing_is_an_error_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "_TIMEOUT", timedelta(seconds=0.3))
    monkeypatch.setattr(store, "_RETRY_FOR", timedelta(seconds=0.3))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        objects = S3Objects("bucket", **settings(endpoint))
        with pytest.raises(VaultError, match="cannot be stored"):
            objects.put(new_object_name(), b"x")


def test_other_machines_are_called_by_https_only() -> None:
    with pytest.raises(UsageError, match="https only"):
        S3Objects("bucket", **settings("http://objects.example"))


def test_a_bucket_is_opened_by_its_url(
    aws: Aws, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"AWS_ENDPOINT_URL": aws.url, "AWS_REGION": "us-east-1"}
    keys = {"AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root"}
    for name, value in {**named, **keys}.items():
        monkeypatch.setitem(os.environ, name, value)
    objects = open_objects(f"s3://{bucket}/below/this")
    objects.put("aa/x", b"1")
    listed = aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert [one["Key"] for one in listed] == ["below/this/aa/x"]


def test_unknown_backends_are_refused() -> None:
    with pytest.raises(VaultError, match="'ftp'"):
        open_objects("ftp://host/folder")


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    objects = open_objects(f"file://{tmp_path}/objects")
    with pytest.raises(VaultError):
        objects.put("../outside", b"x")
    assert not (tmp_path / "outside").exists()
