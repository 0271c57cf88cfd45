"""`cdc`: changes in databases, as they are committed (modules-io 7)."""

from __future__ import annotations

from typing import Any

from wippy_trio.kernel import Channel
from wippy_trio.sdk import (
    InternalError,
    InvalidError,
    LuaModule,
    NotFoundError,
    current_process,
    current_runtime,
    method,
)
from wippy_trio.sdk.changes import OPERATIONS, ChangeSource, Subscription

MODULE = LuaModule(
    "cdc",
    classes=("storage", "io", "nondeterministic"),
    declares="""
    type Change = {
      op: string,
      schema: string,
      table: string,
      relation: string,
      before: {[string]: string}?,
      after: {[string]: string}?,
      source: string,
      lsn: string,
      commit_lsn: string?,
      xid: integer?
    }
    type ChangeStream = {
      channel: (self: ChangeStream) -> (Channel<Change>?, Error?),
      receive: (self: ChangeStream) -> (Channel<Change>?, Error?),
      close: (self: ChangeStream) -> boolean,
      release: (self: ChangeStream) -> boolean
    }
    list_sources: () -> ({table}?, Error?)
    source: (name: string) -> (table?, Error?)
    stream: (name: string, options: table?) -> (ChangeStream?, Error?)
    """,
)

DEFAULT_BUFFER, MOST_BUFFER = 256, 65536


def _sources() -> list[ChangeSource]:
    found = [
        value
        for value in current_runtime().resources.values()
        if isinstance(value, ChangeSource)
    ]
    return sorted(found, key=lambda source: source.id)


def _find(name: str) -> ChangeSource | None:
    """Find a source by its id, by its entry's name or its slot if that is unique."""
    sources = _sources()
    for source in sources:
        if source.id == name:
            return source
    found = [
        source
        for source in sources
        if name in (source.id.partition(":")[2], source.describe_source()["slot"])
    ]
    return found[0] if len(found) == 1 else None


@MODULE.export
def list_sources() -> list[dict[str, Any]]:
    """List the sources."""
    return [source.describe_source() for source in _sources()]


@MODULE.export
def source(name: str | None) -> dict[str, Any] | None:
    """Tell about a source."""
    if not name:
        raise InvalidError("source name is required", retryable=False)
    found = _find(name)
    return None if found is None else found.describe_source()


@MODULE.handle
class ChangeStream:
    """The changes that one process wants to hear of."""

    def __init__(self, source_: ChangeSource, subscription: Subscription) -> None:
        self._source = source_
        self._subscription = subscription
        self._begun = False
        self._over = False
        self._withdraw = current_process().on_end(self._close)

    def __str__(self) -> str:
        return f"cdc.Stream{{{self._source.id}}}"

    def channel(self) -> Any:
        """Give the channel of changes; the first call begins the subscription."""
        if self._over:
            raise InvalidError("the stream is closed", retryable=False)
        if not self._begun:
            self._begun = True
            self._source.subscribe_changes(self._subscription)
        return self._subscription.channel

    def receive(self) -> Any:
        """Give the same channel, by its other name."""
        return self.channel()

    def _close(self) -> None:
        if not self._over:
            self._over = True
            self._source.unsubscribe_changes(self._subscription)

    @method(pair=False)
    def close(self) -> bool:
        """End the subscription; nothing happens the second time."""
        self._withdraw()
        self._close()
        return True

    @method(pair=False)
    def release(self) -> bool:
        """Do the same, by its other name."""
        self._withdraw()
        self._close()
        return True


def _names(options: dict[str, Any], name: str) -> frozenset[str]:
    value = options.get(name)
    if value is None or value == {}:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidError(f"{name}: wanted a list of texts", retryable=False)
    return frozenset(value)


@MODULE.export
def stream(name: str | None, options: Any) -> Any:
    """Make a stream of changes; it is over when its process is."""
    if not name:
        raise InvalidError("source name is required", retryable=False)
    if options is None or options == []:
        options = {}
    if not isinstance(options, dict):
        raise InvalidError("options must be a table", retryable=False)
    buffer = options.get("buffer", DEFAULT_BUFFER)
    if (
        not isinstance(buffer, (int, float))
        or isinstance(buffer, bool)
        or buffer != buffer // 1
        or not 1 <= buffer <= MOST_BUFFER
    ):
        raise InvalidError(
            f"buffer: wanted 1 to {MOST_BUFFER}, got {buffer!r}", retryable=False
        )
    tables, ops = _names(options, "tables"), _names(options, "ops")
    ops = frozenset("r" if op == "snapshot" else op for op in ops)
    if unknown := ops - set(OPERATIONS):
        raise InvalidError(
            f"ops: wanted some of {', '.join(OPERATIONS)}, got {sorted(unknown)[0]!r}",
            retryable=False,
        )
    found = _find(name)
    if found is None:
        missing = NotFoundError(f"source {name} not found")
        raise InternalError(str(missing), retryable=False)
    process = current_process()
    if process.host.id == "node:functions":
        raise InternalError(
            "cdc.stream needs a process; this is a function call", retryable=False
        )
    channel: Channel[Any] = Channel(int(buffer))
    return ChangeStream(found, Subscription(channel, tables=tables, ops=ops))
