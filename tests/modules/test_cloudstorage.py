"""`cloudstorage` and ``cloudstorage.s3`` against moto's server: modules-io 6."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
import trio

from tests.services.clouds import Cloud, open_cloud
from tests.services.queue.brokers import eventually, runtime_of
from wippy_trio.errors import Error
from wippy_trio.kernel import Context, Exit
from wippy_trio.runtime.boot import running
from wippy_trio.security import Actor, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with open_cloud() as found:
        yield found


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """Make a bucket that keeps versions."""
    name = f"files-{secrets.token_hex(6)}"
    client = cloud.client("s3")
    client.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    client.put_bucket_versioning(
        Bucket=name, VersioningConfiguration={"Status": "Enabled"}
    )
    client.close()
    return name


def entries(cloud: Cloud, bucket: str, folder: Path) -> str:
    return f"""{cloud.config}
  - {{name: files, kind: cloudstorage.s3, config: aws, bucket: {bucket},
      endpoint: "{cloud.endpoint}"}}
  - {{name: disk, kind: fs.directory, directory: {folder}/disk, auto_init: true}}
  - {{name: notes, kind: store.memory}}
"""


HEAD = """
local cloudstorage, fs = require("cloudstorage"), require("fs")
local function told(v, err)
  if v == nil then return tostring(err:kind()) end
  return v
end
"""


async def run(cloud: Cloud, bucket: str, folder: Path, body: str, *args: Any) -> Any:
    """Run a function with the storage ``s`` and the files ``disk``."""
    source = f"""{HEAD}
    local function main(...)
      local s = assert(cloudstorage.get("app:files"))
      local disk = assert(fs.get("app:disk"))
      {body}
    end
    return {{main = main}}"""
    runtime = runtime_of(
        folder, entries(cloud, bucket, folder), "cloudstorage, fs", f=source
    )
    result: Any = None
    async with running(runtime):
        try:
            result = await runtime.call("app:f", *args)
        except Error as error:
            result = error
    if isinstance(result, Error):
        raise result
    return result


async def test_upload_and_download(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    """A string goes up and comes down, whole or a range of it; head tells about it."""
    found = await run(
        cloud,
        bucket,
        tmp_path,
        """
        assert(s:upload_object("a/b.txt", "hello w\\0rld", {
          content_type = "text/x", cache_control = "no-store",
          metadata = {owner = "ada"}, headers = {["X-Amz-Meta-More"] = "1"}}))
        local file = assert(disk:open("down", "w"))
        assert(s:download_object("a/b.txt", file))
        file:close()
        local part = assert(disk:open("part", "w"))
        assert(s:download_object("a/b.txt", part, {range = "bytes=1-3"}))
        part:close()
        return {disk:readfile("down"), disk:readfile("part"),
          s:head_object("a/b.txt")}
        """,
    )
    assert found[0] == "hello w\0rld"
    assert found[1] == "ell"
    head = found[2]
    assert head["size"] == 11
    assert head["content_type"] == "text/x"
    assert head["cache_control"] == "no-store"
    assert head["metadata"] == {"owner": "ada", "more": "1"}
    assert head["headers"]["content-type"] == "text/x"
    assert head["last_modified"] > 1_700_000_000
    assert head["etag"]
    assert head["version_id"]


async def test_large_files_go_in_parts(
    cloud: Cloud, bucket: str, tmp_path: Path
) -> None:
    """More than 8 MiB from a file, and back into one, byte by byte the same."""
    data = secrets.token_bytes(1 << 20) * 17 + b"end"
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/up").write_bytes(data)
    size = await run(
        cloud,
        bucket,
        tmp_path,
        """
        local up = assert(disk:open("up", "r"))
        local options = {only_if_absent = true, metadata = {a = "b"}}
        assert(s:upload_object("big", up, options))
        up:close()
        local down = assert(disk:open("down", "w"))
        assert(s:download_object("big", down))
        down:close()
        return s:head_object("big").size
        """,
    )
    assert size == len(data)
    assert (tmp_path / "disk/down").read_bytes() == data
    client = cloud.client("s3")
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


async def test_conditions_and_failures(
    cloud: Cloud, bucket: str, tmp_path: Path
) -> None:
    """Kinds of errors: missing objects, failed conditions, wrong arguments."""
    found = await run(
        cloud,
        bucket,
        tmp_path,
        """
        assert(s:upload_object("k", "1"))
        local etag = s:head_object("k").etag
        local file = assert(disk:open("f", "w"))
        return {
          told(s:upload_object("k", "2", {only_if_absent = true})),
          told(s:upload_object("k", "2", {if_none_match = "*"})),
          told(s:download_object("k", file, {if_none_match = etag})),
          told(s:download_object("k", file, {if_match = '"other"'})),
          told(s:download_object("none", file)),
          told(s:head_object("none")),
          told(s:upload_object("", "1")),
          told(s:upload_object("k", nil)),
          told(s:upload_object("k", "1", {headers = {["X-Odd"] = "1"}})),
          told(s:download_object("k", "no writer")),
          told(s:presigned_get_url("k", {expiration = -1})),
          told(s:list_objects({max_keys = 0})),
          told(s:delete_objects({1, 2})),
          told(s:delete_objects({})),
          told(s:delete_objects({"none", "k"})),
          told(s:head_object("k")),
        }
        """,
    )
    assert found == [
        *["Conflict"] * 4,  # modules-io 6.2
        *["NotFound"] * 2,
        *["Invalid"] * 7,
        True,
        True,
        "NotFound",
    ]


async def test_listing(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    """Pages by prefix, owners, versions."""
    pages, owner, versions = await run(
        cloud,
        bucket,
        tmp_path,
        """
        for n = 1, 5 do assert(s:upload_object("p/" .. n, ("x"):rep(n))) end
        assert(s:upload_object("p/1", "again"))
        assert(s:upload_object("q", "x"))
        local pages, token = {}, nil
        repeat
          local page = assert(s:list_objects({
            prefix = "p/", max_keys = 2, continuation_token = token}))
          local keys = {}
          for _, object in ipairs(page.objects) do
            keys[#keys + 1] = object.key .. ":" .. object.size
          end
          pages[#pages + 1] = keys
          token = page.next_continuation_token
        until not page.is_truncated
        local owned = s:list_objects({include_owner = true, prefix = "q"})
        local all = s:list_objects({include_versions = true, prefix = "p/1"})
        return {pages, owned.objects[1].owner ~= nil, #all.objects}
        """,
    )
    assert pages == [["p/1:5", "p/2:2"], ["p/3:3", "p/4:4"], ["p/5:5"]]
    assert owner is True
    assert versions == 2


def _open(url: str, data: bytes | None = None, kind: str = "") -> bytes:
    request = Request(url, data=data, method="PUT" if data is not None else "GET")
    if kind:
        request.add_header("Content-Type", kind)
    with urlopen(request, timeout=10) as answer:
        found: bytes = answer.read()
        return found


async def test_presigned_urls(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    """Whoever has the URL may put, and get."""
    get, put = await run(
        cloud,
        bucket,
        tmp_path,
        """return {s:presigned_get_url("k"), s:presigned_put_url("k", {
          content_type = "text/x", expiration = 60, content_length = 3})}""",
    )
    assert "X-Amz-Expires=3600" in get  # modules-io D11
    assert "X-Amz-Expires=60" in put
    await trio.to_thread.run_sync(_open, put, b"abc", "text/x")
    assert await trio.to_thread.run_sync(_open, get) == b"abc"


async def test_getting_a_storage(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    """Denials raise; other failures are returned; a released one refuses."""
    source = f"""{HEAD}
    return {{main = function()
      local s = cloudstorage.get("app:files")
      if not s then return "none" end
      local before = tostring(s)
      return {{
        told(cloudstorage.get("")), told(cloudstorage.get("app:nope")),
        told(cloudstorage.get("app:notes")), before, s:release(), s:release(),
        tostring(s), told(s:head_object("k")),
        told(s:list_objects()), told(s:presigned_get_url("k"))}}
    end}}"""
    runtime = runtime_of(
        tmp_path, entries(cloud, bucket, tmp_path), "cloudstorage, fs", f=source
    )
    async with running(runtime):
        assert await runtime.call("app:f") == [
            "Invalid",
            "NotFound",
            "Invalid",
            "cloudstorage.Storage{}",
            True,
            True,
            "cloudstorage.Storage{released}",
            *["Invalid"] * 3,
        ]
        nobody = Context(actor=Actor("ada", {}), scope=Scope())
        with pytest.raises(Error, match="not allowed") as denied:
            await runtime.call("app:f", context=nobody)
    assert denied.value.kind == "PermissionDenied"


async def test_no_server(tmp_path: Path) -> None:
    """Nobody answers: a retryable error of the right kind."""
    source = f"""{HEAD}
    return {{main = function()
      local _, err = cloudstorage.get("app:files"):head_object("k")
      return {{tostring(err:kind()), err:retryable()}}
    end}}"""
    text = entries(Cloud("http://127.0.0.1:9"), "b", tmp_path)
    runtime = runtime_of(tmp_path, text, "cloudstorage, fs", f=source)
    async with running(runtime):
        assert await runtime.call("app:f") == ["Unavailable", True]


async def test_killed_transfers(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    """Processes ended during transfers leave no upload, body, or thread at work."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/up").write_bytes(bytes(18 << 20))
    source = f"""{HEAD}
    return {{main = function(n)
      local s, disk = cloudstorage.get("app:files"), fs.get("app:disk")
      while true do
        local up = disk:open("up", "r")
        s:upload_object("big" .. n, up)
        up:close()
        local down = disk:open("down" .. n, "w")
        s:download_object("big" .. n, down)
        down:close()
      end
    end}}"""
    runtime = runtime_of(
        tmp_path, entries(cloud, bucket, tmp_path), "cloudstorage, fs", p_copy=source
    )
    client = cloud.client("s3")
    async with running(runtime):
        for n, wait in enumerate((0.02, 0.05, 0.1, 0.2, 0.4, 0.8)):
            process = await runtime.spawn_process("app:p_copy", "app:processes", [n])
            await trio.sleep(wait)
            process.end(Exit.terminated(process.pid))
        limiter = runtime.resources.get("app:files")._client._limiter
        await eventually(lambda: limiter.borrowed_tokens == 0)
        await eventually(
            lambda: "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
        )
