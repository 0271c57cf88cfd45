"""Signatures of what every chunk knows: globals, libraries, ambient modules.

The notation is that of ``declares`` (see ``declarations``). Only what carries types is
here; a field that is not listed is dynamic. Numbers are ``number`` where the library
cuts fractions (types 4.9).

Source: core 11, 13; types 3.7.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AMBIENT",
    "ERROR_METHODS",
    "GLOBALS",
    "LIBRARIES",
    "OPEN_RESULTS",
    "SPECIALS",
    "TYPE_VALUE",
]

GLOBALS: Final = """
assert: (v: any, message: any) -> any
error: (v: any, level: number?) -> never
type: (v: any) -> string
tostring: (v: any) -> string
tonumber: (v: any, base: number?) -> number?
setmetatable: (t: any, meta: any) -> any
getmetatable: (v: any) -> any
rawget: (t: any, key: any) -> any
rawset: (t: any, key: any, value: any) -> any
rawequal: (a: any, b: any) -> boolean
rawlen: (v: any) -> integer
next: (t: any, key: any) -> (any, any)
pairs: (t: any) -> (any, any, any)
ipairs: (t: any) -> (any, any, any)
pcall: (f: any, ...any) -> boolean
xpcall: (f: any, handler: any, ...any) -> boolean
cpcall: (f: any, ...any) -> boolean
select: (n: any, ...any) -> any
unpack: (t: any, i: number?, j: number?) -> any
require: (name: string) -> any
print: (...any) -> ()
"""

LIBRARIES: Final = {
    "string": """
find: (s: string, pattern: string, init: number?, plain: any) -> (integer?, integer?)
match: (s: string, pattern: string, init: number?) -> string?
gmatch: (s: string, pattern: string) -> any
gfind: (s: string, pattern: string) -> any
gsub: (s: string, pattern: string, replacement: any, n: number?) -> (string, integer)
byte: (s: string, i: number?, j: number?) -> integer
char: (...number) -> string
format: (s: string, ...any) -> string
len: (s: string) -> integer
lower: (s: string) -> string
upper: (s: string) -> string
rep: (s: string, n: number, sep: string?) -> string
reverse: (s: string) -> string
sub: (s: string, i: number, j: number?) -> string
pack: (format: string, ...any) -> string
unpack: (format: string, s: string, at: number?) -> any
packsize: (format: string) -> integer
dump: (f: any) -> string
""",
    "table": """
insert: (t: any, ...any) -> ()
remove: (t: any, at: number?) -> any
concat: (t: any, separator: string?, i: number?, j: number?) -> string
sort: (t: any, less: any) -> ()
unpack: (t: any, i: number?, j: number?) -> any
pack: (...any) -> table
move: (a: any, from: number, to: number, at: number, b: any) -> any
create: (list: number?, others: number?) -> any
freeze: (t: any) -> any
isfrozen: (t: any) -> boolean
getn: (t: any) -> number
maxn: (t: any) -> number
""",
    "math": """
abs: (x: number) -> number
acos: (x: number) -> number
asin: (x: number) -> number
atan: (y: number, x: number?) -> number
atan2: (y: number, x: number) -> number
ceil: (x: number) -> integer
cos: (x: number) -> number
cosh: (x: number) -> number
deg: (x: number) -> number
exp: (x: number) -> number
floor: (x: number) -> integer
fmod: (x: number, y: number) -> number
frexp: (x: number) -> (number, integer)
ldexp: (x: number, e: number) -> number
log: (x: number, base: number?) -> number
log10: (x: number) -> number
max: (x: number, ...number) -> number
min: (x: number, ...number) -> number
mod: (x: number, y: number) -> number
modf: (x: number) -> (integer, number)
pow: (x: number, y: number) -> number
rad: (x: number) -> number
random: (m: number?, n: number?) -> number
randomseed: (seed: any) -> ()
sin: (x: number) -> number
sinh: (x: number) -> number
sqrt: (x: number) -> number
tan: (x: number) -> number
tanh: (x: number) -> number
tointeger: (x: any) -> integer?
type: (x: any) -> string?
ult: (a: number, b: number) -> boolean
huge: number
pi: number
maxinteger: integer
mininteger: integer
""",
    "coroutine": """
create: (f: any) -> any
resume: (thread: any, ...any) -> boolean
yield: (...any) -> any
status: (thread: any) -> string
wrap: (f: any) -> any
running: () -> any
isyieldable: () -> boolean
spawn: (f: any, ...any) -> any
close: (thread: any) -> boolean
""",
}

SPECIALS: Final = {
    "assert": "assert",
    "type": "type",
    "setmetatable": "setmetatable",
    "pairs": "pairs",
    "ipairs": "ipairs",
    "next": "next",
    "pcall": "pcall",
    "xpcall": "pcall",
    "cpcall": "pcall",
    "select": "select",
    "unpack": "unpack",
    "require": "require",
    "string.find": "find",
    "string.unpack": "unpack",
    "string.gmatch": "unpack",
    "string.gfind": "unpack",
    "table.insert": "insert",
    "table.remove": "remove",
    "table.sort": "sort",
    "table.unpack": "unpack",
    "table.freeze": "same",
    "coroutine.yield": "unpack",
    "coroutine.wrap": "unpack",
    "coroutine.create": "unpack",
    "channel.select": "channel_select",
    "process.listen": "listen",
}
"""Functions that the checker knows more of than their signatures."""

OPEN_RESULTS: Final = {
    "string.find": "any",
    "string.match": "any",
    "string.byte": "integer",
    "coroutine.resume": "any",
}
"""Functions whose results have no fixed number, and of what the further ones are."""

AMBIENT: Final = {
    "errors": """
type CallStack = {thread: string, frames: {table}}
new: (what: any, message: any) -> Error
wrap: (err: any, context: any) -> Error
is: (err: any, kind: string) -> boolean
call_stack: (err: any) -> CallStack?
NOT_FOUND: string
ALREADY_EXISTS: string
INVALID: string
PERMISSION_DENIED: string
UNAVAILABLE: string
INTERNAL: string
CANCELED: string
CONFLICT: string
TIMEOUT: string
RATE_LIMITED: string
UNKNOWN: string
""",
    "channel": """
type SelectCase = interface {}
type SelectResult = {channel: any, value: any, ok: boolean, default: any}
type Channel<T> = interface {
  send: (self: Self, value: T) -> boolean,
  receive: (self: Self) -> (T, boolean),
  close: (self: Self) -> any,
  case_send: (self: Self, value: T) -> SelectCase,
  case_receive: (self: Self) -> SelectCase
}
new: (size: number?) -> Channel<any>
select: (cases: table) -> any
""",
    "process": """
type Message = interface {
  topic: (self: Self) -> string,
  from: (self: Self) -> any,
  payload: (self: Self) -> any
}
type Event = {kind: string, from: any, at: any, result: any, deadline: any, reason: any}
type Options = {trap_links: boolean?}
type SpawnBuilder = interface {}
pid: () -> string
id: () -> string
inbox: () -> Channel<Message>
events: () -> Channel<Event>
listen: (topic: string, options: table?) -> (Channel<any>, Error?)
""",
}

ERROR_METHODS: Final = """
kind: (self: any) -> string
message: (self: any) -> string
retryable: (self: any) -> boolean?
details: (self: any) -> any
stack: (self: any) -> string
"""

TYPE_VALUE: Final = """
kind: (self: any) -> string
name: (self: any) -> string?
is: (self: any, v: any) -> (any, Error?)
"""
