"""``config.aws``, and how clients of AWS are made and called (modules-io 6.1).

boto3 blocks, so every call is made in a worker thread. There is no way to interrupt a
call of it: one whose caller is cancelled is left to finish alone, within its time-outs,
and what it brings is given back or closed by the function that ran there.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from wippy_trio.sdk import (
    ConflictError,
    EntryKind,
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
    run_in_thread,
)
from wippy_trio.sdk.extras import need
from wippy_trio.sdk.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.registry import Entry

__all__ = ["AwsClient", "AwsConfig", "AwsConfigs", "aws_config", "with_env"]

T = TypeVar("T")

CONNECT_S, READ_S = 10.0, 60.0
MOST_CALLS = 32
_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "PriorRequestNotComplete",
    }
)
_MISSING = frozenset({"NoSuchKey", "NotFound", "NoSuchBucket", "QueueDoesNotExist"})


def with_env(fields: Fields, name: str, lookup: Callable[[str], str | None]) -> str:
    """Read a field, or the variable that its sibling with ``_env`` names.

    Raises:
      InvalidError: The variable has no value.
    """
    value = fields.text(name)
    variable = fields.text(f"{name}_env")
    if value or not variable:
        return value
    found = lookup(variable)
    if found is None:
        raise InvalidError(f"{name}_env: environment variable {variable} has no value")
    return found


class AwsConfig:
    """A region, and who we are there."""

    def __init__(self, id: str, region: str, key_id: str, secret: str) -> None:  # noqa: A002 - its name
        self.id = id
        self.region = region
        self._key_id = key_id
        self._secret = secret
        self._lock = threading.Lock()
        self._session: Any = None

    def client(self, service: str, endpoint: str, **settings: Any) -> Any:
        """Make a client of boto3; takes a while, so not in the Trio thread."""
        from boto3.session import Session  # noqa: PLC0415 - start-up cost
        from botocore.config import Config  # noqa: PLC0415

        with self._lock:  # sessions may be used by one thread at a time
            if self._session is None:
                # Without both, the usual places are searched: environment, files,
                # the machine's role.
                static = self._key_id and self._secret
                self._session = Session(
                    aws_access_key_id=self._key_id if static else None,
                    aws_secret_access_key=self._secret if static else None,
                    region_name=self.region,
                )
            return self._session.client(
                service,
                endpoint_url=endpoint or None,
                config=Config(
                    connect_timeout=CONNECT_S,
                    read_timeout=READ_S,
                    retries={"mode": "standard", "max_attempts": 3},
                    max_pool_connections=MOST_CALLS,
                    **settings,
                ),
            )


class AwsClient:
    """A client of boto3, made at its first call, called in threads."""

    def __init__(
        self,
        config: Callable[[], AwsConfig],
        service: str,
        endpoint: str,
        what: str,
        **settings: Any,
    ) -> None:
        """Describe it.

        Args:
          config: Finds the configuration when it is needed.
          service: As boto3 calls it.
          endpoint: Where it is, if not at AWS.
          what: The entry, for messages.
          settings: More for botocore's ``Config``.
        """
        self._config = config
        self._service = service
        self._endpoint = endpoint
        self._what = what
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Any = None
        self._closed = False
        self._limiter = trio.CapacityLimiter(MOST_CALLS)

    def get(self) -> Any:
        """Give the client itself; in a thread."""
        with self._lock:
            if self._closed:
                raise UnavailableError(f"{self._what} is closed", retryable=True)
            if self._client is None:
                self._client = self._config().client(
                    self._service, self._endpoint, **self._settings
                )
            return self._client

    async def run(
        self,
        fn: Callable[..., T],
        *args: Any,
        limiter: trio.CapacityLimiter | None = None,
    ) -> T:
        """Call a function with the client as its first argument, in a thread.

        Raises:
          Error: What went wrong, in our words.

        Checkpoint: always. If cancelled, the call is left to finish alone.
        """

        def call() -> T:
            try:
                return fn(self.get(), *args)
            except Error:
                raise
            except Exception as error:
                raise translated(error, self._what) from error

        return await run_in_thread(call, limiter=limiter or self._limiter, abandon=True)

    async def call(self, name: str, **arguments: Any) -> Any:
        """Call one operation."""
        return await self.run(lambda client: getattr(client, name)(**arguments))

    def close(self) -> None:
        """Let go of the connections that are not in use."""
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
        if client is not None:
            client.close()


def translated(error: Exception, what: str) -> Error:
    """Make an error of ours of one of boto3 (modules-io 6.2); a fault stays what it is.

    Raises:
      Exception: ``error`` itself, if it is none of boto3's.
    """
    from botocore import exceptions  # noqa: PLC0415 - start-up cost

    text = f"{what}: {error}"
    if isinstance(error, exceptions.ClientError):
        return _refusal(error, text)
    if isinstance(error, exceptions.ParamValidationError):
        return InvalidError(text, retryable=False)
    lost = (exceptions.HTTPClientError, exceptions.ConnectionError, OSError)
    if isinstance(error, lost):
        return UnavailableError(text, retryable=True)
    if isinstance(error, exceptions.BotoCoreError):
        return InternalError(text, retryable=False)
    raise error


def _refusal(error: Any, text: str) -> Error:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    short = code.rpartition(".")[2]
    details = {"code": code, "status": status}
    if short in _THROTTLED or status == 429:
        return RateLimitedError(text, retryable=True, details=details)
    if short in _MISSING or short == "NonExistentQueue" or status == 404:
        return NotFoundError(f"not_found: {text}", retryable=False, details=details)
    if status in (304, 409, 412):
        return ConflictError(
            f"precondition_failed: {text}", retryable=False, details=details
        )
    return InternalError(text, retryable=status >= 500, details=details)


def aws_config(find: Callable[[str], Any], id: str) -> AwsConfig:  # noqa: A002
    """Find the configuration that an entry names.

    Raises:
      NotFoundError: There is none of that id.
      InvalidError: It is something else.
    """
    found = find(id)
    if not isinstance(found, AwsConfig):
        raise InvalidError(f"config: wanted a config.aws, found {id}", retryable=False)
    return found


class AwsConfigs(EntryKind):
    """Handle ``config.aws`` entries: nothing is contacted."""

    kinds = ("config.aws",)

    async def create(self, entry: Entry) -> None:
        """Make a configuration known.

        Raises:
          InvalidError: No region, or a variable without a value.
          UnavailableError: The extra ``aws`` is not installed.
        """
        await trio.lowlevel.checkpoint()
        fields = Fields(entry)
        lookup = self.runtime.env.lookup
        region = with_env(fields, "region", lookup)
        if not region:
            raise InvalidError("region is required")
        need(f"config.aws {entry.id}", "boto3", "aws")
        config = AwsConfig(
            entry.id,
            region,
            with_env(fields, "access_key_id", lookup),
            with_env(fields, "secret_access_key", lookup),
        )
        self.runtime.resources.put(entry.id, config)

    async def delete(self, entry: Entry) -> None:
        """Forget a configuration."""
        await trio.lowlevel.checkpoint()
        self.runtime.resources.remove(entry.id)
