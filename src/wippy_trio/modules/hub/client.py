"""The hub over the network: the Connect protocol with JSON bodies, on httpx2."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import trio

from wippy_trio.modules.hub.answers import error_of
from wippy_trio.sdk import (
    InternalError,
    TimedOutError,
    UnavailableError,
    hold_time,
)

if TYPE_CHECKING:
    from wippy_trio.modules.hub.asking import CallOptions
    from wippy_trio.sdk import Runtime

__all__ = ["Hub"]

MODULES = "wippy.api.hub.module.v1.ModuleService"
MOST_BYTES = 32 << 20


class Hub:
    """The connections of one runtime to hubs, and who we are there."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._http: httpx2.AsyncClient | None = None
        self._tokens: dict[str, str] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    def registry(self, options: CallOptions) -> str:
        """Tell which hub is asked."""
        text = options.registry or self._runtime.config.text("modules.registry_url")
        return str(text).rstrip("/")

    def token(self, options: CallOptions) -> str:
        """Tell as whom: what is given, the environment, what is stored."""
        registry = self.registry(options)
        return (
            options.token
            or self._tokens.get(registry, "")
            or os.environ.get("WIPPY_TOKEN", "")
            or str(self.stored().get(registry, ""))
        )

    async def call(
        self, method: str, message: dict[str, Any], options: CallOptions
    ) -> dict[str, Any]:
        """Call a method of the module service.

        Raises:
          Error: What the hub says, the network, or the time.
        """
        url = f"{self.registry(options)}/{MODULES}/{method}"
        headers = {
            "Content-Type": "application/json",
            "Connect-Protocol-Version": "1",
            "Connect-Timeout-Ms": str(max(1, round(options.timeout * 1000))),
        }
        if token := self.token(options):
            headers["Authorization"] = f"Bearer {token}"
        with trio.move_on_after(options.timeout), hold_time():
            try:
                status, data = await self._post(url, headers, json.dumps(message))
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
                text = str(error) or type(error).__name__
                raise UnavailableError(f"hub: {url}: {text}", retryable=True) from error
            return _answer(status, data)
        raise TimedOutError(
            f"hub: {url}: no answer within {options.timeout:g} s", retryable=True
        )

    async def _post(
        self, url: str, headers: dict[str, str], body: str
    ) -> tuple[int, bytes]:
        if self._http is None:
            self._http = httpx2.AsyncClient(trust_env=False, timeout=None)
        async with self._http.stream(
            "POST", url, headers=headers, content=body.encode()
        ) as response:
            pieces, size = [], 0
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > MOST_BYTES:
                    raise InternalError(
                        f"hub: {url}: more than {MOST_BYTES} bytes", retryable=False
                    )
                pieces.append(piece)
            return response.status_code, b"".join(pieces)

    # -- credentials -------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return Path.home() / ".wippy" / "credentials.json"

    def stored(self) -> dict[str, Any]:
        """Read the tokens that were stored, by hub."""
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise InternalError(
                f"hub: {self._file}: {error}", retryable=False
            ) from error
        return found if isinstance(found, dict) else {}

    def store(self, registry: str, token: str | None) -> None:
        """Store a token, or forget it; nobody else may read the file."""
        tokens = self.stored()
        tokens.pop(registry, None)
        self._tokens.pop(registry, None)
        if token is not None:
            tokens[registry] = self._tokens[registry] = token
        file = self._file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=file.parent)  # mode 0600
            with os.fdopen(handle, "w") as written:
                json.dump(tokens, written)
            Path(name).replace(file)
        except OSError as error:
            raise InternalError(f"hub: {file}: {error}", retryable=False) from error


def _answer(status: int, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data) if data else {}
    except ValueError:
        found = None
    if status != 200:
        raise error_of(status, found)
    if not isinstance(found, dict):
        raise InternalError("hub: the answer is no JSON object", retryable=False)
    return found
