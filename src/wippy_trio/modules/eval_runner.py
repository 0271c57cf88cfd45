"""`eval_runner`: run Lua text that comes as data (core section 20).

The text becomes the code of a function that exists for one call: it has globals of its
own and only the modules it was given, without the parts of the base library by which it
could reach other processes.
"""

from __future__ import annotations

import itertools
from collections import Counter, OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import attrs
import trio

from wippy_trio.lang import LuaSyntaxError, parse
from wippy_trio.lua import Code
from wippy_trio.modules._bag import bag
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    PermissionDeniedError,
    check_permission,
    current_process,
    current_runtime,
    method,
    runtime_of,
)
from wippy_trio.sdk.runtime import EVALUATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wippy_trio.kernel import Context, Process

__all__ = ["MODULE"]

MODULE = LuaModule(
    "eval_runner",
    classes=("process", "nondeterministic"),
    declares="""
    run: (config: table) -> (any, Error?)
    compile: (source: string, method: string?, options: table?) -> (Program?, Error?)
    type Program = {
      method: (self: Program) -> string,
      modules: (self: Program) -> {string}
    }
    """,
    source=b"""
local P, F = ...
local raw = P.raw
local rawtype, rawnext = raw.type, raw.next
local perform, last = F._run, 0
F._run = nil
local function functional(v, seen)
  if rawtype(v) == "function" then return true end
  if rawtype(v) ~= "table" or P.type(v) ~= "table" or seen[v] then return false end
  seen[v] = true
  for _, item in rawnext, P.contents(v) do
    if functional(item, seen) then return true end
  end
  return false
end
-- Data is copied, functions are handed over.
local function copied(v, seen)
  if rawtype(v) == "function" then return v end
  if rawtype(v) ~= "table" or P.type(v) ~= "table" then return P.copy(v) end
  if seen[v] then return seen[v] end
  local made = {}
  seen[v] = made
  for key, item in rawnext, P.contents(v) do
    if rawtype(key) ~= "table" then made[key] = copied(item, seen) end
  end
  return made
end
function F.run(config)
  local custom = P.type(config) == "table" and config.custom_modules
  if not (custom and P.type(custom) == "table" and functional(custom, {})) then
    return perform(config)
  end
  last = last + 1
  local planted = copied(custom, {})
  P.planted["eval:f" .. last] = planted
  local value, err = perform(config, last)
  P.planted["eval:f" .. last] = nil
  planted = nil -- held until here
  return value, err
end
return F
""",
)

_BLOCKED = frozenset({"process", "storage", "network"})
_BASE: Mapping[str, frozenset[str]] = {
    "process": frozenset({"process"}),
    "funcs": frozenset({"process"}),
    "subscribe": frozenset({"process"}),
    "unsubscribe": frozenset({"process"}),
    "channel": frozenset({"deterministic"}),
    "payload": frozenset({"encoding", "deterministic"}),
}
"""What every other program has and evaluated code only on request."""

_ALWAYS = frozenset({"table", "string", "math", "coroutine", "errors", "os", "print"})
_CACHE_SIZE = 256
_numbers = itertools.count(1)


_REQUIRE = (
    "local require = (function(native, own) return function(name)"
    " local found = own[name] if found ~= nil then return found end"
    " return native(name) end end)(require, {OWN})"
)
"""What `require` gives for custom modules, in the text before the program's."""


@attrs.frozen(slots=True)
class _Request:
    """What is to be run, checked."""

    source: str
    method: str
    modules: tuple[str, ...]
    imports: dict[str, str]
    planted: str
    """The custom modules, as text before the source."""

    @property
    def key(self) -> Any:
        """What another run must have in common to run the same code."""
        imports = tuple(sorted(self.imports.items()))
        return self.source, self.method, self.modules, imports, self.planted


class Program:
    """A text that was found to be right; it cannot be run itself."""

    lua_name = "eval_runner.Program"

    def __init__(self, request: _Request) -> None:
        self._request = request

    @method(pair=False, name="method")
    def method_(self) -> str:
        """Name the function that would be called."""
        return self._request.method

    @method(pair=False)
    def modules(self) -> list[str]:
        """Name the modules."""
        return list(self._request.modules)


MODULE.handle(Program)


def _gate(action: str, resource: str = "") -> None:
    told = f"permission denied: {action} {resource}".rstrip()
    check_permission(action, resource, told)


def _names(value: Any, field: str) -> tuple[str, ...]:
    if value is None or value == {}:
        return ()
    if not isinstance(value, list) or not all(isinstance(n, str) for n in value):
        raise InvalidError(f"{field}: wanted a list of names", retryable=False)
    return tuple(dict.fromkeys(value))


def _texts(value: Any, field: str) -> dict[str, str]:
    if value is None or value == []:
        return {}
    if not isinstance(value, dict) or not all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    ):
        raise InvalidError(f"{field}: wanted a map of texts", retryable=False)
    return value


def _request(source: Any, method_: Any, options: dict[Any, Any]) -> _Request:
    if not isinstance(source, str) or not source:
        raise InvalidError("source is required", retryable=False)
    data = options.get("custom_modules")
    if data is not None and not isinstance(data, dict) and data != []:
        raise InvalidError("custom_modules: wanted a map of tables", retryable=False)
    made = _Request(
        source,
        method_ if isinstance(method_, str) else "",
        _names(options.get("modules"), "modules"),
        _texts(options.get("imports"), "imports"),
        f"{_planted(data)} " if data else "",
    )
    _check_modules(made.modules, _names(options.get("allow_classes"), "allow_classes"))
    for target in made.imports.values():
        _gate("eval.import", target)
    return made


def _check_modules(modules: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    for name in allowed:
        _gate("eval.class", name)
    surroundings = current_runtime().engine.surroundings
    for name in modules:
        _gate("eval.module", name)
        if name in _ALWAYS:
            continue
        classes = _BASE.get(name)
        if classes is None:
            try:
                classes = surroundings.module_classes(name)
            except Error as error:
                raise InternalError(f"compile failed: {error.message}") from None
        bad = sorted(_BLOCKED & classes - set(allowed))
        if bad:
            raise InternalError(
                f"compile failed: module {name} has the forbidden class {bad[0]}"
            )


def _code(request: _Request, ticket: int | None) -> Code:
    """Make the code of a function of a request.

    Raises:
      InternalError: The text is no Lua of ours.
    """
    try:
        parse(request.source.encode(), "eval")
    except LuaSyntaxError as error:
        raise InternalError(f"compile failed: {error}") from None
    source = request.source
    if not request.method:
        source = f"return function(...) {source}\nend"
    source = request.planted + source
    return Code(
        id=f"eval:{next(_numbers)}" if ticket is None else f"eval:f{ticket}",
        source=source.encode(),
        method=request.method or "main",
        modules=tuple(
            name
            for name in request.modules
            if name not in _BASE and name not in _ALWAYS
        ),
        imports=request.imports,
        process=False,
        absent=tuple(name for name in _BASE if name not in request.modules),
        evaluated=True,
    )


def _planted(data: dict[Any, Any]) -> str:
    """Write custom modules as globals, on one line, so that positions stay."""
    parts = []
    for name, value in data.items():
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            raise InvalidError(
                f"custom_modules: {name!r} is no name of a module", retryable=False
            )
        parts.append(f"_G[{_literal(name)}] = {_literal(bag(value))}")
    own = ", ".join(f"[{_literal(name)}] = _G[{_literal(name)}]" for name in data)
    parts.append(_REQUIRE.replace("OWN", own))
    return "; ".join(parts) + ";"


def _literal(value: Any) -> str:
    """Write a value as Lua."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return "(0/0)"
        return f"({value!r})".replace("inf", "1/0")
    if isinstance(value, int):
        return f"({value})" if value != -(2**63) else "math.mininteger"
    if isinstance(value, (str, bytes)):
        raw = value.encode() if isinstance(value, str) else value
        return '"' + "".join(f"\\{byte:03d}" for byte in raw) + '"'
    if isinstance(value, list):
        return "{" + ", ".join(map(_literal, value)) + "}"
    if isinstance(value, dict):
        rows = (f"[{_literal(k)}] = {_literal(v)}" for k, v in value.items())
        return "{" + ", ".join(rows) + "}"
    return _literal(str(value))


def _context(process: Process, given: Any) -> Context:
    """Add the values given to the caller's; actor and scope are inherited."""
    if given is None or given == []:
        return process.context
    if not isinstance(given, dict):
        raise InvalidError("context: wanted a map", retryable=False)
    values = {str(name): value for name, value in bag(given).items()}
    return attrs.evolve(process.context, values={**process.context.values, **values})


class _Kept:
    """Code that was run before, so that it need not be compiled again.

    Each run has globals of its own all the same. The code that has not been run for the
    longest time goes first, and not before its last run is over.

    Source: core EVAL-15.
    """

    def __init__(self, runtime: Any) -> None:
        config = runtime.config
        given = config.get("lua.eval.cache_size")
        self._most = (
            _CACHE_SIZE if given is None else config.integer("lua.eval.cache_size")
        )
        self._life: float = config.seconds("lua.eval.cache_ttl")
        self._runtime = runtime
        self._by_request: OrderedDict[Any, Code] = OrderedDict()
        self._made: dict[str, float] = {}
        self._users: Counter[str] = Counter()

    @contextmanager
    def code(self, request: _Request, ticket: int | None) -> Iterator[Code]:
        """Give the code of a request, for as long as it runs."""
        key = None if ticket is not None else request.key
        code = None if key is None else self._by_request.get(key)
        if code is not None and self._is_old(code):
            self._forget(self._by_request.pop(key))
            code = None
        if code is None:
            code = self._add(request, ticket)
            if key is not None:
                self._by_request[key] = code
        if key is not None:
            self._by_request.move_to_end(key)
        self._users[code.id] += 1
        try:
            yield code
        finally:
            self._users[code.id] -= 1
            if key is None or self._by_request.get(key) is not code:
                self._forget(code)
            while len(self._by_request) > self._most:
                self._forget(self._by_request.popitem(last=False)[1])

    def _is_old(self, code: Code) -> bool:
        age: float = trio.current_time() - self._made[code.id]
        return 0 < self._life < age

    def _add(self, request: _Request, ticket: int | None) -> Code:
        code = _code(request, ticket)
        self._runtime.code.add(code, EVALUATED, 0)
        self._runtime.code.changed.discard(code.id)  # nothing was built of it before
        self._made[code.id] = trio.current_time()
        return code

    def _forget(self, code: Code) -> None:
        if self._users[code.id]:
            return
        del self._users[code.id], self._made[code.id]
        runtime = self._runtime
        runtime.code.remove(code.id)
        runtime.code.changed.discard(code.id)
        runtime.engine.code_changed(frozenset({code.id}))


_kept: WeakKeyDictionary[Any, _Kept] = WeakKeyDictionary()


def _kept_of(runtime: Any) -> _Kept:
    found = _kept.get(runtime)
    if found is None:
        found = _kept[runtime] = _Kept(runtime)
    return found


@MODULE.export(opaque="text", name="_run")
async def run(config: dict[str, Any], ticket: int | None = None) -> Any:
    """Run a text, or a function of what it returns, and give its result.

    The custom modules of a run with a ticket have functions: they are in the VM, under
    the id of its code.
    """
    _gate("eval.run")
    options = config if isinstance(config, dict) else {}
    if ticket is not None:
        options = {**options, "custom_modules": None}
    request = _request(options.get("source"), options.get("method"), options)
    args = options.get("args")
    if args is not None and not isinstance(args, list):
        raise InvalidError("args: wanted a list", retryable=False)
    process = current_process()
    context = _context(process, options.get("context"))
    runtime = runtime_of(process)
    if ticket is not None and runtime.engine.engine_of(process) is not runtime.engine:
        raise InvalidError(
            "custom_modules: functions cannot leave an isolated VM", retryable=False
        )
    with _kept_of(runtime).code(request, ticket) as code:
        try:
            return await runtime.engine.call(code.id, args or (), context=context)
        except PermissionDeniedError:
            raise
        except Error as error:
            raise InternalError(
                f"run failed: {error}", retryable=False, details=error.details
            ) from None


@MODULE.export(name="compile")
def compile_(source: Any, method_: Any = None, options: Any = None) -> Program:
    """Check a text without running it."""
    _gate("eval.compile")
    request = _request(source, method_, options if isinstance(options, dict) else {})
    _code(request, None)
    return Program(request)
