"""`store` over ``store.memory``: modules-data 24, modules-io 4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.modules.application import run_application
from wippy_trio.errors import Error
from wippy_trio.kernel import Context
from wippy_trio.sdk.stores import PutOptions
from wippy_trio.security import Actor, Scope, parse_policy
from wippy_trio.services.store.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - {name: cache, kind: store.memory}
  - {name: small, kind: store.memory, max_size: 2}
  - {name: other, kind: env.storage.memory}
"""
HEAD = """
local store, time = require("store"), require("time")
local function told(value, err)
  if err then return value, tostring(err:kind()), err:message(), err:retryable() end
  return value
end
local function again(s, told, options)
  s:put("a", 1)
  return told(s:put("a", 1, options))
end
local function raised(f, ...)
  local ok, err = pcall(f, ...)
  assert(not ok)
  return tostring(err)
end
"""


def run(folder: Path, body: str, **more: Any) -> Any:
    return run_application(
        folder,
        f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
        modules="store, time, json",
        entries=ENTRIES,
        **more,
    )


def test_values_are_kept(tmp_path: Path) -> None:
    """Values are copies; integers and floats stay what they are."""
    assert run(
        tmp_path,
        """
        local s, err = store.get("app:cache")
        assert(err == nil and tostring(s) == "store.Store{}")
        local value = {n = 1, x = 1.5, list = {1, 2}, f = print}
        assert(select("#", s:set("a", value)) == 2)
        value.n = 2
        local back = s:get("a")
        assert(back.n == 1 and math.type(back.n) == "integer" and back.x == 1.5)
        assert(back.list[2] == 2 and type(back.f) == "string")
        back.n = 3
        assert(s:get("a").n == 1)
        assert(s:has("a") == true and s:has("b") == false)
        assert(s:delete("a") == true and s:delete("a") == false)
        assert(s:set("f", false) and s:get("f") == false)
        assert(s:release() == true and s:release() == true)
        local _, kind, text = told(s:get("a"))
        return {tostring(s), kind, text}
        """,
    ) == ["store.Store{released}", "Invalid", "store is released"]


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ('told(s:get("none"))', [None, "NotFound", "key not found", False]),
        ('told(s:entry("none"))', [None, "NotFound", "key not found", False]),
        ('told(s:get(""))', [None, "Invalid", "key is required", False]),
        ('told(s:set("a", nil))', [None, "Invalid", "value is required", False]),
        (
            "again(s, told, {only_if_absent = true})",
            [None, "AlreadyExists", "key already exists", False],
        ),
        (
            "again(s, told, {if_version = 99})",
            [None, "Conflict", "version mismatch", True],
        ),
        (
            'told(s:put("none", 1, {if_version = "1"}))',
            [None, "NotFound", "key not found", False],
        ),
        (
            'told(s:put("a", 1, {ttl = -1}))',
            [None, "Invalid", "ttl must be a non-negative number", False],
        ),
        (
            'told(s:put("a", 1, {only_if_absent = 1}))',
            [None, "Invalid", "only_if_absent must be a boolean", False],
        ),
        (
            'told(s:put("a", 1, {if_version = 0}))',
            [None, "Invalid", "if_version must be a positive version", False],
        ),
        (
            'told(s:put("a", 1, {if_version = "x"}))',
            [None, "Invalid", "if_version must be a positive version", False],
        ),
        (
            'told(s:put("a", 1, {if_version = 1, only_if_absent = true}))',
            [
                None,
                "Invalid",
                "only_if_absent and if_version are mutually exclusive",
                False,
            ],
        ),
        (
            'told(s:put("a", 1, "x"))',
            [None, "Invalid", "options must be a table", False],
        ),
        ('told(s:list("x"))', [None, "Invalid", "options must be a table", False]),
        (
            "told(s:list({limit = -1}))",
            [None, "Invalid", "limit must be a positive number", False],
        ),
        ('told(store.get(""))', [None, "Invalid", "resource id is required", False]),
    ],
)
def test_refusals(tmp_path: Path, expression: str, told: list[Any]) -> None:
    """Each failure has its kind and text."""
    body = f'local s = store.get("app:cache")\nreturn table.pack({expression})'
    found = run(tmp_path, body)
    assert [found.get(i) for i in range(1, 5)] == told


def test_unknown_and_wrong_resources(tmp_path: Path) -> None:
    """An absent entry is Internal; one of another kind too, as it is no resource."""
    found = run(
        tmp_path,
        'return table.pack(told(store.get("app:none")))',
    )
    assert found[2] == "Internal"
    assert found[3] == "resource app:none: wanted a running entry, found none"
    assert found[4] is False


def test_wrong_types_raise(tmp_path: Path) -> None:
    """A key that is no text is a mistake of the program."""
    assert (
        run(
            tmp_path,
            'return raised(store.get("app:cache").get, store.get("app:cache"), {})',
        )
        == "app:f:12: bad argument #1 to 'get' (string expected, got table)"
    )


def test_full_store_refuses_new_keys_only(tmp_path: Path) -> None:
    """Known keys can still be written; expired ones make room."""
    assert (
        run(
            tmp_path,
            """
        local s = store.get("app:small")
        s:set("a", 1) s:set("b", 1, 5)
        local _, kind, text, again = told(s:set("c", 1))
        assert(kind == "Unavailable" and text == "store is full" and again == true)
        assert(s:set("a", 2))
        time.sleep("5s")
        assert(s:has("b") == false)
        assert(s:set("c", 1))
        return "ok"
        """,
            clock=MockClock(autojump_threshold=0),
        )
        == "ok"
    )


def test_lifetime(tmp_path: Path) -> None:
    """Seconds, with fractions; zero and less are for ever; writing renews it."""
    assert (
        run(
            tmp_path,
            """
        local s = store.get("app:cache")
        s:set("a", 1, 0.5) s:set("b", 1, 0) s:set("c", 1, -1) s:put("d", 1, {ttl = 2})
        time.sleep("499ms")
        assert(s:get("a") == 1)
        time.sleep("1ms")
        assert(not s:has("a") and s:has("b") and s:has("c") and s:has("d"))
        s:set("d", 2)
        time.sleep("10s")
        assert(s:get("d") == 2)
        return #s:list().items
        """,
            clock=MockClock(autojump_threshold=0),
        )
        == 3
    )


def test_entries_have_versions(tmp_path: Path) -> None:
    """Versions are texts, rise over the whole store and can be a condition."""
    assert (
        run(
            tmp_path,
            """
        local s = store.get("app:cache")
        local a = s:put("a", 1)
        local b = s:put("ns:b", 2)
        assert(a.key == ":a" and a.value == 1 and a.version == "1")
        assert(b.key == "ns:b" and tonumber(b.version) > tonumber(a.version))
        assert(s:put("a", 3, {if_version = a.version}).value == 3)
        assert(s:put(":a", 4, {if_version = tonumber(s:entry("a").version)}))
        return s:get("a")
        """,
        )
        == 4
    )


def test_listing(tmp_path: Path) -> None:
    """Pages in the order of bytes; a key without a namespace shows a colon."""
    assert (
        run(
            tmp_path,
            """
        local s = store.get("app:cache")
        local names = {"b", "a:2", "a:1", "\\u{e9}", "user"}
        for _, key in ipairs(names) do s:set(key, key) end
        local function keys(page)
          local list = {}
          for i, item in ipairs(page.items) do list[i] = item.key end
          return table.concat(list, " ")
        end
        local all = s:list()
        assert(keys(all) == ":b :user :\\u{e9} a:1 a:2", keys(all))
        assert(all.cursor == "a:2" and all.has_more == false)
        local first = s:list({limit = 2})
        assert(keys(first) == ":b :user" and first.has_more and first.cursor == ":user")
        assert(keys(s:list({limit = 2, after = first.cursor})) == ":\\u{e9} a:1")
        assert(keys(s:list({after = "user"})) == ":\\u{e9} a:1 a:2")
        assert(keys(s:list({prefix = "a:"})) == "a:1 a:2")
        assert(keys(s:list({prefix = "us"})) == ":user")
        local none = s:list({prefix = "zz"})
        assert(#none.items == 0 and none.cursor == "")
        return "ok"
        """,
        )
        == "ok"
    )


def test_info_and_constants(tmp_path: Path) -> None:
    """What a memory store is."""
    assert run(
        tmp_path,
        """
        assert(store.backend.MEMORY == "memory" and store.backend.KV_RAFT == "kv.raft")
        assert(store.consistency.LOCAL == "local")
        return store.get("app:cache"):info()
        """,
    ) == {
        "id": "app:cache",
        "backend": "memory",
        "consistency": "local",
        "durable": False,
        "list": True,
        "versioned": True,
        "conditional_put": True,
        "ttl": True,
    }


def policy(*actions: str) -> Any:
    rules = {"actions": list(actions), "resources": "*", "effect": "allow"}
    return parse_policy("app:p", "security.policy", {"policy": rules})


def test_permissions(tmp_path: Path) -> None:
    """Denials of simple methods are raised, those of the others returned (apps 8.7)."""
    context = Context(
        actor=Actor("me", {}), scope=Scope([policy("store.get", "security.*")])
    )
    found = run(
        tmp_path,
        """
        local s = store.get("app:cache")
        return {
          raised(s.get, s, "k"), raised(s.set, s, "k", 1), raised(s.has, s, "k"),
          raised(s.delete, s, "k"),
          select(3, told(s:entry("k"))), select(3, told(s:put("k", 1))),
          (select(3, told(s:list()))), (select(2, told(s:info()))),
        }
        """,
        context=context,
    )
    assert found[:4] == [
        "not allowed to read key: k",
        "not allowed to write key: k",
        "not allowed to check key existence: k",
        "not allowed to delete key: k",
    ]
    assert found[4] == "not allowed to read key: k"
    assert found[5] == "not allowed to write key: k"
    assert found[6] == "not allowed to list store: app:cache"
    assert found[7] == "PermissionDenied"


def test_store_itself_can_be_denied(tmp_path: Path) -> None:
    """Without ``store.get`` the call raises."""
    context = Context(actor=Actor("me", {}), scope=Scope([]))
    text = run(tmp_path, 'return raised(store.get, "app:cache")', context=context)
    assert text == "not allowed to access store: app:cache"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("max_size: -1", "max_size"),
        ("max_size: lots", "max_size"),
        ("cleanup_interval: -5s", "cleanup_interval"),
        ("cleanup_interval: soon", "soon"),
    ],
)
def test_wrong_fields(tmp_path: Path, fields: str, text: str) -> None:
    """The entry is refused, and the error names the field."""
    entries = f"\n  - {{name: bad, kind: store.memory, {fields}}}\n"
    with pytest.raises(Error, match=text):
        run_application(
            tmp_path,
            "return {main = function() end}",
            modules="store",
            entries=entries,
        )


# -- the store against a model ---------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "n:a", "n:b", "é"])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            KEYS,
            st.sampled_from([0.0, 1.0, 3.0]),
            st.booleans(),
            st.integers(0, 5),
        ),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("sleep"), st.sampled_from([0.5, 1.0, 2.0])),
        st.tuples(st.just("list"), st.sampled_from(["", "n:"]), st.integers(1, 3)),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=150)
@given(STEPS)
def test_store_is_its_model(steps: list[tuple[Any, ...]]) -> None:
    """A dictionary that is searched from end to end gives the same answers."""

    async def main() -> None:
        store = MemoryStore(max_size=4)
        model: dict[str, tuple[int, float]] = {}
        version = 0
        for step in steps:
            now = trio.current_time()
            model = {k: v for k, v in model.items() if v[1] > now}
            match step:
                case ("put", key, ttl, absent, wanted):
                    if absent:
                        wanted = 0
                    refused = (
                        (absent and key in model)
                        or (wanted and model.get(key, (-1,))[0] != wanted)
                        or (key not in model and len(model) >= 4)
                    )
                    options = PutOptions(ttl, absent, wanted)
                    if refused:
                        with pytest.raises(Error):
                            store.put(key, 0, options)
                    else:
                        version += 1
                        assert store.put(key, 0, options).version == version
                        model[key] = (version, now + ttl if ttl else float("inf"))
                case ("delete", key):
                    assert store.delete(key) == (model.pop(key, None) is not None)
                case ("sleep", seconds):
                    await trio.sleep(seconds)
                case ("list", prefix, limit):
                    expected = sorted(k for k in model if k.startswith(prefix))
                    page = store.list((prefix,), "", limit)
                    assert [item.key for item in page.items] == expected[:limit]
                    assert page.has_more == (len(expected) > limit)

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_stopped_store_is_closed() -> None:
    """Every method says so."""

    async def main() -> None:
        store = MemoryStore()
        store.closed = True
        for call in (
            lambda: store.entry("a"),
            lambda: store.put("a", 1, PutOptions()),
            lambda: store.delete("a"),
            lambda: store.list(("",), "", 1),
        ):
            with pytest.raises(Error, match="store is closed"):
                call()

    trio.run(main)
