"""The parser of typed Lua: recursive descent over the tokens, one tree for all uses.

The class is cut into chapters: the place in the tokens and the scopes (``cursor``),
types (``type_parser``), expressions (``expression_parser``), functions and declarations
(``declaration_parser``) and, here, all other statements. While it reads, the parser
knows which names are variables and what each function and loop holds, and notes the few
places that a translator has to touch, so that translating a source needs no second walk
over the tree.
"""

from __future__ import annotations

from wippy_trio.lang.cursor import DEPTH_LIMIT, Notes, with_room
from wippy_trio.lang.declaration_parser import DeclarationParser
from wippy_trio.lang.expression_parser import is_path
from wippy_trio.lang.lexer import Tokens, tokenize
from wippy_trio.lang.syntax import (
    GLOBAL,
    LOCAL,
    Assign,
    Binding,
    Block,
    Break,
    Call,
    CallStatement,
    Constant,
    Do,
    Expression,
    Field,
    Function,
    GenericFor,
    Goto,
    If,
    Index,
    Label,
    Local,
    LoopVariable,
    MethodCall,
    Name,
    NumericFor,
    Parameter,
    Repeat,
    Return,
    Statement,
    TypedName,
    While,
)

__all__ = ["Chunk", "Parser", "parse", "read_source"]

_BLOCK_END = frozenset(("end", "else", "elseif", "until", "eof"))


class Chunk:
    """A parsed source.

    Attributes:
      name: The name it was given, for messages.
      text: The source, one character for each byte, without a byte-order mark.
      tokens: Its tokens.
      main: The chunk itself, as a vararg function.
      notes: What a translator has to touch.
    """

    __slots__ = ("main", "name", "notes", "text", "tokens")

    def __init__(self, name: str, tokens: Tokens, main: Function, notes: Notes) -> None:
        self.name = name
        self.text = tokens.text
        self.tokens = tokens
        self.main = main
        self.notes = notes


def read_source(source: bytes) -> str:
    """Turn the bytes of a source into text, one character for each byte.

    A byte-order mark is left out, and a first line that begins with ``#`` is blanked.
    """
    if source.startswith(b"\xef\xbb\xbf"):
        source = source[3:]
    text = source.decode("latin-1")
    if text.startswith("#"):
        width = len(text.split("\n", 1)[0].split("\r", 1)[0])
        text = " " * width + text[width:]
    return text


def parse(source: bytes, name: str) -> Chunk:
    """Parse a source.

    Args:
      source: Its bytes.
      name: What messages call it.

    Returns:
      The tree and what was noted on the way.

    Raises:
      LuaSyntaxError: The source is not in the language; the first error is told.
    """
    text = read_source(source)
    return with_room(lambda: Parser(tokenize(text), name).chunk())


class Parser(DeclarationParser):
    """Reads statements."""

    __slots__ = ("_statements", "_tokens")

    def __init__(self, tokens: Tokens, name: str) -> None:
        super().__init__(tokens, name)
        self._tokens = tokens
        self._statements = {
            "local": self._local,
            "if": self._if,
            "return": self._return,
            "for": self._for,
            "function": self.function_statement,
            "while": self._while,
            "repeat": self._repeat,
            "do": self._do,
            "break": self._break,
            "goto": self._goto,
            "::": self._label,
            "interface": self.interface,
        }

    def chunk(self) -> Chunk:
        """Parse the whole source."""
        vararg = Parameter("...", None, False, 0, 0)
        main = Function([], [], vararg, None, False, 0, 0)
        main.body = self.block(main)
        if self.kinds[self.pos] != "eof":
            raise self.unexpected()
        main.end = len(self.text)
        main.loops = self.loops
        main.jumps = self.jumps
        self.notes.functions.append(main)
        return Chunk(self.name, self._tokens, main, self.notes)

    def block(self, function: Function | None = None, *, keep: bool = False) -> Block:
        """Parse statements up to what ends the block.

        Given a function, find out on the way where its budget check goes: before the
        first statement that has a call in it, or the second operation that a metamethod
        may answer. With ``keep``, its variables stay in scope for the caller to drop.
        """
        kinds = self.kinds
        starts = self.starts
        handlers = self._statements
        statements: list[Statement] = []
        mark = len(self.undo)
        types = len(self.inner_types)
        begin = starts[self.pos]
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise self.too_deep()
        while True:
            pos = self.pos
            kind = kinds[pos]
            if kind == "name" or kind == "(":
                statements.append(self._simple())
            elif kind in handlers:
                statements.append(handlers[kind]())
                if kind == "return" and kinds[self.pos] not in _BLOCK_END:
                    raise self.unexpected("expected the block to end after 'return'")
            elif kind == ";":
                self.pos = pos + 1
                continue
            elif kind in _BLOCK_END:
                break
            else:
                raise self.unexpected()
            if function is not None and (self.calls or self.operations > 1):
                function.check = starts[pos]
                function = None
        self.depth -= 1
        if len(self.undo) > mark and not keep:
            self.leave(mark)
        if len(self.inner_types) > types:
            del self.inner_types[types:]
        return Block(statements, begin, self.starts[self.pos])

    def _simple(self) -> Statement:
        """Parse an assignment, a call or an alias, all of which begin with a name."""
        pos = self.pos
        kinds = self.kinds
        if self.texts[pos] == "type" and kinds[pos + 1] == "name":
            return self.alias()
        start = self.starts[pos]
        first = self.prefix()
        kind = kinds[self.pos]
        if kind == "=" or kind == ",":
            targets = [self._target(first, pos)]
            while kinds[self.pos] == ",":
                self.pos += 1
                at = self.pos
                if kinds[at] not in ("name", "("):
                    raise self.unexpected("expected a variable")
                targets.append(self._target(self.prefix(), at))
            if kinds[self.pos] == "=":
                self.pos += 1
            else:
                self.expect("=")
            values = self.expressions()
            node = Assign(targets, values, start, values[-1].end)
            last = values[0]
            if last.__class__ is Constant and last.kind == "nil":
                self.notes.emptied.append(node)
            return node
        if isinstance(first, (Call, MethodCall)):
            return CallStatement(first, start, first.end)
        if kind == "bad":
            raise self.unexpected()
        raise self.unexpected(pos=pos)

    def _target(self, node: Expression, pos: int) -> Name | Field | Index:
        """Check that a value can be assigned to what was read."""
        if isinstance(node, Field):
            return node
        if isinstance(node, Name):
            self.assign(node)
            return node
        if isinstance(node, Index):
            if is_path(node.key):
                self.notes.keys.append(node)
            return node
        raise self.unexpected("expected a variable", pos)

    def _local(self) -> Statement:
        kinds = self.kinds
        start = self.starts[self.pos]
        pos = self.pos + 1
        if kinds[pos] == "function":
            return self.local_function(start, pos)
        names: list[TypedName] = []
        texts = self.texts
        while True:
            kind = kinds[pos + 1]
            if kinds[pos] == "name" and kind != ":":
                names.append(
                    TypedName(texts[pos], None, LOCAL, self.starts[pos], self.ends[pos])
                )
                pos += 1
            else:
                self.pos = pos
                names.append(self._typed_name(LOCAL))
                pos = self.pos
                kind = kinds[pos]
            if kind != ",":
                break
            pos += 1
        if kind == "=":
            self.pos = pos + 1
            values = self.expressions()
            end = values[-1].end
        else:
            self.pos = pos
            values = []
            end = self.ends[pos - 1]
            if kind == "<":
                raise self.fail("attributes are not part of the dialect", pos)
        undo = self.undo
        scope = self.scope
        for typed in names:
            name = typed.name
            undo.append((name, scope.get(name)))
            scope[name] = LOCAL
        return Local(names, values, start, end)

    def _typed_name(self, binding: Binding) -> TypedName:
        pos = self.pos
        if self.kinds[pos] != "name":
            raise self.unexpected("expected name")
        self.pos = pos + 1
        annotation = self.annotation() if self.kinds[pos + 1] == ":" else None
        return TypedName(
            self.texts[pos], annotation, binding, self.starts[pos], self.ends[pos]
        )

    def _if(self) -> If:
        opening = self.pos
        kinds = self.kinds
        branches: list[tuple[Expression, Block]] = []
        while True:
            self.pos += 1
            condition = self.expression()
            if kinds[self.pos] == "then":
                self.pos += 1
            else:
                self.expect("then")
            branches.append((condition, self.block()))
            if kinds[self.pos] != "elseif":
                break
        otherwise = None
        if kinds[self.pos] == "else":
            self.pos += 1
            otherwise = self.block()
        self.close("end", opening)
        return If(branches, otherwise, self.starts[opening], self.ends[self.pos - 1])

    def _while(self) -> While:
        opening = self.pos
        self.pos = opening + 1
        condition = self.expression()
        body = self._loop_body()
        self.close("end", opening)
        node = While(condition, body, self.starts[opening], self.ends[self.pos - 1])
        self.loops.append(node)
        return node

    def _repeat(self) -> Repeat:
        opening = self.pos
        self.pos = opening + 1
        breaks = self.breaks
        self.breaks = []
        mark = len(self.undo)
        body = self.block(keep=True)
        body.start = self.ends[opening]
        self.breaks = breaks
        self.close("until", opening)
        condition = self.expression()
        self.leave(mark)
        node = Repeat(body, condition, self.starts[opening], condition.end)
        self.loops.append(node)
        return node

    def _loop_body(self) -> Block:
        """Parse ``do`` and the block behind it; its span begins right behind ``do``."""
        opening = self.expect("do")
        breaks = self.breaks
        self.breaks = []
        body = self.block()
        self.breaks = breaks
        body.start = self.ends[opening]
        return body

    def _do(self) -> Do:
        opening = self.pos
        self.pos = opening + 1
        body = self.block()
        self.close("end", opening)
        return Do(body, self.starts[opening], self.ends[self.pos - 1])

    def _for(self) -> NumericFor | GenericFor:
        opening = self.pos
        self.pos = opening + 1
        variable = LoopVariable(True)
        first = self._typed_name(variable)
        if self.kinds[self.pos] == "=":
            variable.counts = True
            return self._numeric_for(opening, first)
        names = [first]
        while self.kinds[self.pos] == ",":
            self.pos += 1
            names.append(self._typed_name(LoopVariable(False)))
        if self.kinds[self.pos] != "in":
            raise self.unexpected("expected '=' or 'in'")
        self.pos += 1
        values = self.expressions()
        if _never_nil(values):
            for typed in names:
                typed.binding = LoopVariable(True)
        self.calls += 1
        mark = len(self.undo)
        for typed in names:
            self.declare(typed.name, typed.binding)
        body = self._loop_body()
        self.leave(mark)
        self.close("end", opening)
        start = self.starts[opening]
        node = GenericFor(names, values, body, start, self.ends[self.pos - 1])
        self.loops.append(node)
        return node

    def _numeric_for(self, opening: int, variable: TypedName) -> NumericFor:
        self.pos += 1
        first = self.expression()
        self.expect(",")
        limit = self.expression()
        step = None
        if self.kinds[self.pos] == ",":
            self.pos += 1
            step = self.expression()
        mark = len(self.undo)
        self.declare(variable.name, variable.binding)
        calls = self.calls
        loops = len(self.loops)
        do = self.expect("do")
        outside = self.breaks
        breaks: list[int] = []
        self.breaks = breaks
        body = self.block()
        self.breaks = outside
        body.start = self.ends[do]
        self.leave(mark)
        self.close("end", opening)
        start = self.starts[opening]
        end = self.ends[self.pos - 1]
        node = NumericFor(variable, first, limit, step, body, start, end)
        node.calls = self.calls != calls
        node.inner = len(self.loops) != loops
        node.breaks = breaks
        self.loops.append(node)
        return node

    def _return(self) -> Return:
        pos = self.pos
        kinds = self.kinds
        self.pos = pos + 1
        values: list[Expression] = []
        kind = kinds[pos + 1]
        end = self.ends[pos]
        if kind != ";" and kind not in _BLOCK_END:
            values = self.expressions()
            end = values[-1].end
            only = values[0]
            if isinstance(only, (Call, MethodCall)) and len(values) == 1:
                self.notes.tails.append(only)
        if kinds[self.pos] == ";":
            self.pos += 1
        return Return(values, self.starts[pos], end)

    def _break(self) -> Break:
        pos = self.pos
        if self.breaks is None:
            raise self.fail("break outside loop", pos)
        self.breaks.append(self.starts[pos])
        self.pos = pos + 1
        return Break(self.starts[pos], self.ends[pos])

    def _goto(self) -> Goto:
        start = self.starts[self.pos]
        self.pos += 1
        pos = self.expect_name()
        self.jumps = True
        return Goto(self.texts[pos], start, self.ends[pos])

    def _label(self) -> Label:
        start = self.starts[self.pos]
        self.pos += 1
        pos = self.expect_name()
        closing = self.expect("::")
        self.jumps = True
        return Label(self.texts[pos], start, self.ends[closing])


def _never_nil(values: list[Expression]) -> bool:
    """Tell whether a ``for`` walks a table, so that no variable of it is ever nil."""
    call = values[0]
    if len(values) != 1 or not isinstance(call, Call):
        return False
    function = call.function
    return (
        isinstance(function, Name)
        and function.binding is GLOBAL
        and function.name in ("pairs", "ipairs")
    )
