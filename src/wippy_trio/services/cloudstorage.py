"""``cloudstorage.s3``: a bucket of S3, or of what speaks like it (modules-io 6)."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.sdk import EntryKind, Error, InternalError, InvalidError
from wippy_trio.sdk.extras import need
from wippy_trio.sdk.fields import Fields
from wippy_trio.services.aws import AwsClient, aws_config, with_env

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from wippy_trio.registry import Entry

__all__ = ["S3Bucket", "S3Buckets"]

PIECE = 64 * 1024
PART = 8 * 1024 * 1024
MOST_KEYS = 1000
DEFAULT_EXPIRATION, LONGEST_EXPIRATION = 3600, 7 * 24 * 3600
ABORT_S = 5.0

_ARGUMENTS = {
    "content_type": "ContentType",
    "cache_control": "CacheControl",
    "content_disposition": "ContentDisposition",
    "content_encoding": "ContentEncoding",
    "if_match": "IfMatch",
    "if_none_match": "IfNoneMatch",
}
_CONDITIONS = ("IfMatch", "IfNoneMatch")
_HEADERS = {
    "content-type": "ContentType",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "expires": "Expires",
    "x-amz-acl": "ACL",
    "x-amz-storage-class": "StorageClass",
    "x-amz-tagging": "Tagging",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "x-amz-object-lock-mode": "ObjectLockMode",
    "x-amz-object-lock-legal-hold": "ObjectLockLegalHoldStatus",
}
_SHOWN = (
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "StorageClass",
    "VersionId",
)


def _upload_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        argument: str(options[name])
        for name, argument in _ARGUMENTS.items()
        if options.get(name) not in (None, "")
    }
    if options.get("only_if_absent") is True:
        found["IfNoneMatch"] = "*"
    metadata = _texts(options, "metadata")
    for name, value in _texts(options, "headers").items():
        lower = name.lower()
        if lower.startswith("x-amz-meta-"):
            metadata[lower.removeprefix("x-amz-meta-")] = value
        elif lower in _HEADERS:
            found.setdefault(_HEADERS[lower], value)
        else:
            raise InvalidError(
                f"headers: {name} cannot be set; wanted one of"
                f" {', '.join(sorted(_HEADERS))} or x-amz-meta-*",
                retryable=False,
            )
    if metadata:
        found["Metadata"] = metadata
    return found


def _texts(options: Mapping[str, Any], name: str) -> dict[str, str]:
    value = options.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise InvalidError(f"{name}: wanted a table, got {value!r}", retryable=False)
    return {str(key): str(item) for key, item in value.items()}


class S3Bucket:
    """A bucket. What a cancelled caller began is given up by its thread."""

    def __init__(self, id: str, client: AwsClient, bucket: str) -> None:  # noqa: A002 - its name
        self.id = id
        self.bucket = bucket
        self._client = client

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    async def _call(self, name: str, **arguments: Any) -> Any:
        return await self._client.call(name, Bucket=self.bucket, **arguments)

    # -- transfers ---------------------------------------------------------------------

    async def upload(
        self,
        key: str,
        read: Callable[[int], Awaitable[bytes]],
        options: Mapping[str, Any],
    ) -> None:
        """Keep an object; a large one goes in parts, and is there as a whole or not."""
        arguments = _upload_arguments(options)
        first = await _fill(read)
        if len(first) < PART:
            await self._call("put_object", Key=key, Body=first, **arguments)
            return
        conditions = {
            name: arguments.pop(name) for name in _CONDITIONS if name in arguments
        }
        answer = await self._begin_upload(key, arguments)
        upload = {"Key": key, "UploadId": answer}
        try:
            parts = await self._send_parts(upload, first, read)
            await self._call(
                "complete_multipart_upload",
                **upload,
                **conditions,
                MultipartUpload={"Parts": parts},
            )
        except BaseException:
            with (
                trio.move_on_after(ABORT_S, shield=True),
                contextlib.suppress(Error),
            ):
                await self._call("abort_multipart_upload", **upload)
            raise

    async def _begin_upload(self, key: str, arguments: dict[str, Any]) -> str:
        """Begin an upload in parts; its thread ends one that nobody waits for."""
        abandoned = threading.Event()
        where = {"Bucket": self.bucket, "Key": key}

        def begin(client: Any) -> str:
            id_: str = client.create_multipart_upload(**where, **arguments)["UploadId"]
            if abandoned.is_set():
                client.abort_multipart_upload(**where, UploadId=id_)
            return id_

        try:
            return await self._client.run(begin)
        except trio.Cancelled:
            abandoned.set()
            raise

    async def _send_parts(
        self,
        upload: dict[str, str],
        data: bytes,
        read: Callable[[int], Awaitable[bytes]],
    ) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        while data:
            number = len(parts) + 1
            answer = await self._call(
                "upload_part", **upload, PartNumber=number, Body=data
            )
            parts.append({"ETag": answer["ETag"], "PartNumber": number})
            data = await _fill(read)
        return parts

    async def download(
        self,
        key: str,
        write: Callable[[bytes], Awaitable[None]],
        options: Mapping[str, Any],
    ) -> None:
        """Give an object piece by piece."""
        arguments = {
            argument: str(options[name])
            for name, argument in (
                ("range", "Range"),
                ("if_match", "IfMatch"),
                ("if_none_match", "IfNoneMatch"),
            )
            if options.get(name) not in (None, "")
        }
        body = _Body()
        try:
            await self._client.run(
                body.open, {"Bucket": self.bucket, "Key": key, **arguments}
            )
            while data := await self._client.run(body.read):
                await write(data)
        finally:
            body.give_up()

    # -- questions ---------------------------------------------------------------------

    async def head(self, key: str) -> dict[str, Any]:
        """Tell about an object."""
        answer = await self._call("head_object", Key=key)
        found: dict[str, Any] = {
            "size": answer["ContentLength"],
            "etag": answer.get("ETag", ""),
            "metadata": answer.get("Metadata", {}),
            "headers": dict(answer["ResponseMetadata"]["HTTPHeaders"]),
        }
        for argument in _SHOWN:
            found[_snake(argument)] = answer.get(argument)
        if answer.get("LastModified") is not None:
            found["last_modified"] = int(answer["LastModified"].timestamp())
        return {name: value for name, value in found.items() if value is not None}

    async def list(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give a page of objects."""
        arguments: dict[str, Any] = {}
        if options.get("prefix"):
            arguments["Prefix"] = str(options["prefix"])
        most = options.get("max_keys")
        if most is not None:
            if not isinstance(most, (int, float)) or isinstance(most, bool) or most < 1:
                raise InvalidError(
                    f"max_keys: wanted a number above 0, got {most!r}", retryable=False
                )
            arguments["MaxKeys"] = int(most)
        token = options.get("continuation_token")
        if options.get("include_versions") is True:
            if token:
                arguments["KeyMarker"] = str(token)
            answer = await self._call("list_object_versions", **arguments)
            rows, following = answer.get("Versions", []), answer.get("NextKeyMarker")
        else:
            if token:
                arguments["ContinuationToken"] = str(token)
            if options.get("include_owner") is True:
                arguments["FetchOwner"] = True
            answer = await self._call("list_objects_v2", **arguments)
            rows = answer.get("Contents", [])
            following = answer.get("NextContinuationToken")
        with_owner = options.get("include_owner") is True
        page: dict[str, Any] = {
            "objects": [_row(row, with_owner=with_owner) for row in rows],
            "is_truncated": bool(answer.get("IsTruncated")),
        }
        if following:
            page["next_continuation_token"] = following
        return page

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, a thousand at a time."""
        for at in range(0, len(keys), MOST_KEYS):
            answer = await self._call(
                "delete_objects",
                Delete={
                    "Objects": [{"Key": key} for key in keys[at : at + MOST_KEYS]],
                    "Quiet": True,
                },
            )
            for failure in answer.get("Errors", []):
                raise InternalError(
                    f"cloudstorage {self.id}: {failure.get('Key')}:"
                    f" {failure.get('Message') or failure.get('Code')}",
                    retryable=False,
                    details={"code": failure.get("Code")},
                )

    async def presign(
        self, operation: str, key: str, options: Mapping[str, Any]
    ) -> str:
        """Make a URL that lets its holder ``get`` or ``put`` an object."""
        seconds = options.get("expiration")
        seconds = DEFAULT_EXPIRATION if seconds is None else seconds
        if (
            not isinstance(seconds, (int, float))
            or isinstance(seconds, bool)
            or not 1 <= seconds <= LONGEST_EXPIRATION
        ):
            raise InvalidError(
                f"expiration: wanted 1 to {LONGEST_EXPIRATION} s, got {seconds!r}",
                retryable=False,
            )
        arguments: dict[str, Any] = {"Bucket": self.bucket, "Key": key}
        if operation == "put":
            if options.get("content_type"):
                arguments["ContentType"] = str(options["content_type"])
            length = options.get("content_length")
            if length is not None:
                if not isinstance(length, (int, float)) or length < 0:
                    raise InvalidError(
                        f"content_length: wanted 0 or more, got {length!r}",
                        retryable=False,
                    )
                arguments["ContentLength"] = int(length)
        sign = partial(_presign, f"{operation}_object", arguments, int(seconds))
        return await self._client.run(sign)


def _presign(
    operation: str, arguments: dict[str, Any], seconds: int, client: Any
) -> str:
    url: str = client.generate_presigned_url(
        operation, Params=arguments, ExpiresIn=seconds
    )
    return url


class _Body:
    """The body of an object, read in threads, closed whoever comes last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._over = False
        self._body: Any = None

    def open(self, client: Any, arguments: dict[str, Any]) -> None:
        """Ask for it; in a thread."""
        with self._using():
            self._body = client.get_object(**arguments)["Body"]

    def read(self, _client: Any) -> bytes:
        """Read a piece; in a thread."""
        with self._using():
            data: bytes = self._body.read(PIECE)
            return data

    def give_up(self) -> None:
        """Close it, or have the thread that is at it do so."""
        with self._lock:
            self._over = True
            if self._busy:
                return
        self._close()

    @contextlib.contextmanager
    def _using(self) -> Any:
        with self._lock:
            self._busy = True
        try:
            yield
        finally:
            with self._lock:
                self._busy = False
                over = self._over
            if over:
                self._close()

    def _close(self) -> None:
        if self._body is not None:
            self._body.close()


async def _fill(read: Callable[[int], Awaitable[bytes]]) -> bytes:
    """Read one part, or what is left."""
    pieces, size = [], 0
    while size < PART:
        data = await read(min(PIECE, PART - size))
        if not data:
            break
        pieces.append(data)
        size += len(data)
    return b"".join(pieces)


def _row(row: Mapping[str, Any], *, with_owner: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "key": row["Key"],
        "size": row.get("Size", 0),
        "content_type": "",
        "etag": row.get("ETag", ""),
        "storage_class": row.get("StorageClass", ""),
    }
    if row.get("LastModified") is not None:
        found["last_modified"] = int(row["LastModified"].timestamp())
    if row.get("VersionId"):
        found["version_id"] = row["VersionId"]
    owner = row.get("Owner")
    if with_owner and owner:
        found["owner"] = {
            "id": owner.get("ID", ""),
            "display_name": owner.get("DisplayName", ""),
        }
    return found


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")


class S3Buckets(EntryKind):
    """Handle ``cloudstorage.s3`` entries: nothing is contacted before it is used."""

    kinds = ("cloudstorage.s3",)

    async def create(self, entry: Entry) -> None:
        """Make a bucket known.

        Raises:
          InvalidError: No bucket, or ``config`` is something else.
          NotFoundError: The configuration is unknown.
          UnavailableError: The extra ``aws`` is not installed.
        """
        await trio.lowlevel.checkpoint()
        fields = Fields(entry)
        lookup = self.runtime.env.lookup
        bucket = with_env(fields, "bucket", lookup)
        if not bucket:
            raise InvalidError("bucket is required")
        config = fields.id("config", "config is required")
        endpoint = with_env(fields, "endpoint", lookup)
        need(f"cloudstorage.s3 {entry.id}", "boto3", "aws")
        find = self.runtime.resources.get
        aws_config(find, config)
        settings: dict[str, Any] = {"signature_version": "s3v4"}
        if endpoint:
            # What speaks like S3 has one host for all buckets, and seldom knows the
            # checksums that newer clients add.
            settings["s3"] = {"addressing_style": "path"}
            settings["request_checksum_calculation"] = "when_required"
            settings["response_checksum_validation"] = "when_required"
        client = AwsClient(
            lambda: aws_config(find, config),
            "s3",
            endpoint,
            f"cloudstorage {entry.id}",
            **settings,
        )
        self.runtime.resources.put(entry.id, S3Bucket(entry.id, client, bucket))

    async def delete(self, entry: Entry) -> None:
        """Forget a bucket; it stays where it is."""
        await trio.lowlevel.checkpoint()
        self.runtime.resources.get(entry.id).close()
        self.runtime.resources.remove(entry.id)
