"""`tty`: styled text, layout, keys and mouse for programs at a terminal.

Styles and layout are pure: `style` draws one text, `layout` puts texts together, both
on `cells`, which knows escape sequences and wide characters. Input is a machine from
bytes to events, `keys`; `session` has one read events for a process, and takes back
what it switched on.

Source: modules-data 22.
"""

from __future__ import annotations

import attrs

from wippy_trio.modules.tty import layout
from wippy_trio.modules.tty.binding import KeyBinding, read_binding
from wippy_trio.modules.tty.cells import height, size, text_of, width
from wippy_trio.modules.tty.session import TOPIC, session, terminal
from wippy_trio.modules.tty.style import (
    BORDERS,
    MOST_CELLS,
    Look,
    Sides,
    read_colour,
    render,
    sides_of,
)
from wippy_trio.sdk import LuaModule, UnavailableError, method

__all__ = ["MODULE"]

MODULE = LuaModule(
    "tty",
    classes=("io", "nondeterministic"),
    extra=("tty", ("wcwidth",)),
    declares="""
    type KeyEvent = {
      type: "key", key: string, key_type: string, action: string,
      alt: boolean, ctrl: boolean, shift: boolean
    }
    type MouseEvent = {
      type: "mouse", action: string, button: string, x: integer, y: integer,
      alt: boolean, ctrl: boolean, shift: boolean
    }
    type StartEvent = {type: "start", width: integer, height: integer}
    type ResizeEvent = {type: "resize", width: integer, height: integer}
    type FocusEvent = {type: "focus", focused: boolean}
    type PasteEvent = {type: "paste", text: string}
    type TTYEvent = (
      KeyEvent | MouseEvent | StartEvent | ResizeEvent | FocusEvent | PasteEvent
    )
    type BindingHelp = {key: string, desc: string}
    type BindingConfig = {keys: {string}, help: BindingHelp?}
    type KeyBinding = {
      matches: (self: KeyBinding, event: table) -> boolean,
      set_enabled: (self: KeyBinding, enabled: boolean) -> KeyBinding,
      is_enabled: (self: KeyBinding) -> boolean,
      help: (self: KeyBinding) -> BindingHelp
    }
    type Style = {
      foreground: (self: Style, colour: string) -> Style,
      background: (self: Style, colour: string) -> Style,
      bold: (self: Style, on: boolean?) -> Style,
      italic: (self: Style, on: boolean?) -> Style,
      underline: (self: Style, on: boolean?) -> Style,
      strikethrough: (self: Style, on: boolean?) -> Style,
      faint: (self: Style, on: boolean?) -> Style,
      blink: (self: Style, on: boolean?) -> Style,
      reverse: (self: Style, on: boolean?) -> Style,
      inline: (self: Style, on: boolean?) -> Style,
      padding: (self: Style, ...number) -> Style,
      margin: (self: Style, ...number) -> Style,
      border: (self: Style, name: string, ...boolean) -> Style,
      border_foreground: (self: Style, ...string) -> Style,
      border_background: (self: Style, ...string) -> Style,
      width: (self: Style, cells: number) -> Style,
      height: (self: Style, lines: number) -> Style,
      max_width: (self: Style, cells: number) -> Style,
      max_height: (self: Style, lines: number) -> Style,
      align: (self: Style, position: number) -> Style,
      align_vertical: (self: Style, position: number) -> Style,
      copy: (self: Style) -> Style,
      render: (self: Style, ...any) -> string
    }
    start: () -> (boolean?, Error?)
    stop: () -> (boolean?, Error?)
    screen_size: () -> (integer?, integer?, Error?)
    mouse: (enable: boolean) -> (boolean?, Error?)
    events: () -> (Channel<TTYEvent>?, Error?)
    bind: (config: table) -> KeyBinding
    style: () -> Style
    borders: {
      NORMAL: string, ROUNDED: string, THICK: string, DOUBLE: string, HIDDEN: string
    }
    align: {LEFT: number, CENTER: number, RIGHT: number}
    text: {
      width: (text: string) -> integer,
      height: (text: string) -> integer,
      size: (text: string) -> (integer, integer),
      join_horizontal: (position: number, ...string) -> string,
      join_vertical: (position: number, ...string) -> string,
      max_width: (texts: {string}) -> integer,
      max_height: (texts: {string}) -> integer,
      place: (width: number, height: number, across: number, down: number,
        text: string) -> string,
      place_horizontal: (width: number, position: number, text: string) -> string,
      place_vertical: (height: number, position: number, text: string) -> string,
      position: {TOP: number, LEFT: number, CENTER: number, BOTTOM: number,
        RIGHT: number}
    }
    """,
    source=b"""
local P, F = ...
local TOPIC = F._topic
local claim = F._claim
F._topic, F._claim = nil, nil
function F.events()
  local ok, err = claim()
  if not ok then return nil, err end
  local proc = P.current.proc
  if proc.subs and proc.subs[TOPIC] then
    return P.fail(P.errors.ALREADY_EXISTS, 'topic "' .. TOPIC .. '" already subscribed')
  end
  return (P.open_topic(proc, TOPIC, 64, false))
end
local binding = P.methods_of("tty.KeyBinding")
local switch = binding.set_enabled
function binding.set_enabled(self, enabled)
  switch(self, enabled)
  return self
end
return F
""",
)
BOX = MODULE.table("borders")
for _name in BORDERS:
    BOX.constant(_name.upper(), _name)
ALIGN = MODULE.table("align")
TEXT = MODULE.table("text")
POSITION = TEXT.table("position")
for _table, _names in (
    (ALIGN, {"LEFT": 0.0, "CENTER": 0.5, "RIGHT": 1.0}),
    (POSITION, {"TOP": 0.0, "LEFT": 0.0, "CENTER": 0.5, "BOTTOM": 1.0, "RIGHT": 1.0}),
):
    for _name, _value in _names.items():
        _table.constant(_name, _value)
MODULE.constant("_topic", TOPIC)

MODULE.handle(KeyBinding)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _clipped(value: float) -> int:
    return int(min(max(value, 0), MOST_CELLS)) if value == value else 0


def _position(value: float) -> float:
    return min(max(value, 0.0), 1.0) if value == value else 0.0


class Style:
    """How a text is shown; each method gives a new one."""

    lua_name = "tty.Style"

    def __init__(self, look: Look) -> None:
        self._look = look

    def __str__(self) -> str:
        return "tty.Style{}"

    @method(pair=False)
    def foreground(self, colour: str) -> Style:
        """Choose the colour of the letters."""
        return Style(attrs.evolve(self._look, foreground=read_colour(colour)))

    @method(pair=False)
    def background(self, colour: str) -> Style:
        """Choose the colour behind them."""
        return Style(attrs.evolve(self._look, background=read_colour(colour)))

    @method(pair=False)
    def bold(self, on: bool | None = None) -> Style:
        """Make the letters bold."""
        return Style(attrs.evolve(self._look, bold=on is not False))

    @method(pair=False)
    def italic(self, on: bool | None = None) -> Style:
        """Slant the letters."""
        return Style(attrs.evolve(self._look, italic=on is not False))

    @method(pair=False)
    def underline(self, on: bool | None = None) -> Style:
        """Draw a line under the letters."""
        return Style(attrs.evolve(self._look, underline=on is not False))

    @method(pair=False)
    def strikethrough(self, on: bool | None = None) -> Style:
        """Draw a line through the letters."""
        return Style(attrs.evolve(self._look, strikethrough=on is not False))

    @method(pair=False)
    def faint(self, on: bool | None = None) -> Style:
        """Make the letters faint."""
        return Style(attrs.evolve(self._look, faint=on is not False))

    @method(pair=False)
    def blink(self, on: bool | None = None) -> Style:
        """Let the letters blink."""
        return Style(attrs.evolve(self._look, blink=on is not False))

    @method(pair=False)
    def reverse(self, on: bool | None = None) -> Style:
        """Exchange the colours."""
        return Style(attrs.evolve(self._look, reverse=on is not False))

    @method(pair=False)
    def inline(self, on: bool | None = None) -> Style:
        """Make one line of the text, without padding, margin and border."""
        return Style(attrs.evolve(self._look, inline=on is not False))

    @method(pair=False)
    def padding(self, *sides: float) -> Style:
        """Leave room inside the border, in the order of CSS."""
        room = sides_of(tuple(map(_clipped, sides)))
        return Style(attrs.evolve(self._look, padding=room))

    @method(pair=False)
    def margin(self, *sides: float) -> Style:
        """Leave room outside the border, in the order of CSS."""
        room = sides_of(tuple(map(_clipped, sides)))
        return Style(attrs.evolve(self._look, margin=room))

    @method(pair=False)
    def border(self, name: str, *sides: bool) -> Style:
        """Draw a border; on all sides if none is told, else in the order of CSS."""
        drawn = sides_of(tuple(map(int, sides))) if sides else Sides(1, 1, 1, 1)
        look = attrs.evolve(self._look, border=name, border_sides=drawn)
        return Style(look)

    @method(pair=False)
    def border_foreground(self, *colours: str) -> Style:
        """Choose the colours of the border, in the order of CSS."""
        return Style(attrs.evolve(self._look, border_foreground=_colours(colours)))

    @method(pair=False)
    def border_background(self, *colours: str) -> Style:
        """Choose the colours behind the border, in the order of CSS."""
        return Style(attrs.evolve(self._look, border_background=_colours(colours)))

    @method(pair=False)
    def width(self, cells: float) -> Style:
        """Make it so wide, padding included; longer lines are broken."""
        return Style(attrs.evolve(self._look, width=_clipped(cells)))

    @method(pair=False)
    def height(self, lines: float) -> Style:
        """Make it at least so high."""
        return Style(attrs.evolve(self._look, height=_clipped(lines)))

    @method(pair=False)
    def max_width(self, cells: float) -> Style:
        """Cut off what is wider."""
        return Style(attrs.evolve(self._look, max_width=_clipped(cells)))

    @method(pair=False)
    def max_height(self, lines: float) -> Style:
        """Cut off what is higher."""
        return Style(attrs.evolve(self._look, max_height=_clipped(lines)))

    @method(pair=False)
    def align(self, position: float) -> Style:
        """Put the lines left, right or between."""
        return Style(attrs.evolve(self._look, align=_position(position)))

    @method(pair=False)
    def align_vertical(self, position: float) -> Style:
        """Put the text at the top, the bottom or between."""
        return Style(attrs.evolve(self._look, align_vertical=_position(position)))

    @method(pair=False)
    def copy(self) -> Style:
        """Give another one that is the same."""
        return Style(self._look)

    @method(pair=False)
    def render(self, *texts: bytes) -> bytes:
        """Apply it to texts, a space between them."""
        return _bytes(render(self._look, text_of(b" ".join(texts))))


MODULE.handle(Style)


def _colours(texts: tuple[str, ...]) -> tuple[str, str, str, str]:
    colours = [read_colour(text) for text in texts]
    order = sides_of(tuple(range(1, len(colours) + 1)))
    return tuple(colours[side - 1] if side else "" for side in order)  # type: ignore[return-value]


# -- the terminal ----------------------------------------------------------------------


@MODULE.export
async def start() -> bool:
    """Begin to read keys, pastes and changes of size and focus."""
    await session().start()
    return True


@MODULE.export
def stop() -> bool:
    """Read no more, and leave the terminal as it was found."""
    terminal()
    session().stop()
    return True


@MODULE.export
def screen_size() -> tuple[int | None, int | None, UnavailableError | None]:
    """Give the columns and lines of the terminal."""
    try:
        columns, lines = terminal().size()
    except UnavailableError as error:
        return None, None, error
    return columns, lines, None


@MODULE.export
def mouse(enable: bool) -> bool:
    """Have the mouse reported, or not any more."""
    session().mouse(on=enable)
    return True


@MODULE.export(name="_claim")
def claim() -> bool:
    """Make sure that there is a terminal to have events of."""
    terminal()
    return True


@MODULE.export(pair=False, raises=True)
def bind(config: dict[str, object]) -> KeyBinding:
    """Make a binding of keys."""
    return read_binding(config)


@MODULE.export(pair=False)
def style() -> Style:
    """Begin a style: nothing is set."""
    return Style(Look())


# -- layout ----------------------------------------------------------------------------


@TEXT.export(name="width", pair=False)
def text_width(text: bytes) -> int:
    """Tell how many cells the widest line takes."""
    return width(text_of(text))


@TEXT.export(name="height", pair=False)
def text_height(text: bytes) -> int:
    """Tell how many lines a text is."""
    return height(text_of(text))


@TEXT.export(name="size")
def text_size(text: bytes) -> tuple[int, int]:
    """Tell both."""
    return width(text_of(text)), height(text_of(text))


@TEXT.export(pair=False)
def join_horizontal(position: float, *blocks: bytes) -> bytes:
    """Put blocks side by side."""
    return _bytes(layout.join_horizontal(position, [*map(text_of, blocks)]))


@TEXT.export(pair=False)
def join_vertical(position: float, *blocks: bytes) -> bytes:
    """Put blocks one below the other."""
    return _bytes(layout.join_vertical(position, [*map(text_of, blocks)]))


def _texts(values: list[object]) -> list[str]:
    return [
        value if isinstance(value, str) else text_of(value)
        for value in (values if isinstance(values, list) else ())
        if isinstance(value, (str, bytes))
    ]


@TEXT.export(pair=False)
def max_width(texts: list[object]) -> int:
    """Tell the largest width of a list of texts."""
    return size(_texts(texts))[0]


@TEXT.export(pair=False)
def max_height(texts: list[object]) -> int:
    """Tell the largest height of a list of texts."""
    return size(_texts(texts))[1]


@TEXT.export(pair=False)
def place(
    width: float,
    height: float,
    across: float,
    down: float,
    text: bytes,
) -> bytes:
    """Put a text into a box."""
    row = layout.place_horizontal(_clipped(width), across, text_of(text))
    return _bytes(layout.place_vertical(_clipped(height), down, row))


@TEXT.export(pair=False)
def place_horizontal(width: float, position: float, text: bytes) -> bytes:
    """Put a text into a box of a width."""
    found = layout.place_horizontal(_clipped(width), position, text_of(text))
    return _bytes(found)


@TEXT.export(pair=False)
def place_vertical(height: float, position: float, text: bytes) -> bytes:
    """Put a text into a box of a height."""
    found = layout.place_vertical(_clipped(height), position, text_of(text))
    return _bytes(found)
