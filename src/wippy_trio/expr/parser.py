"""Read the tokens of an expression into a tree: precedence climbing.

Operators bind as in the table ``BINARY``, loose to tight. Unary ``not`` binds looser
than arithmetic and unary ``-`` looser than ``**``; that is why ``not x in xs`` is
``(not x) in xs`` and ``-2 ** 2`` is -4.

Source: modules-data 11.1.
"""

from __future__ import annotations

from wippy_trio.expr.failure import ExpressionError
from wippy_trio.expr.lexer import Token, tokenize
from wippy_trio.expr.syntax import (
    Array,
    Binary,
    Call,
    Chain,
    Conditional,
    Constant,
    Let,
    MapLiteral,
    Member,
    Method,
    Name,
    Node,
    Pointer,
    Predicate,
    Sequence,
    Slice,
    Unary,
)

__all__ = ["MAX_DEPTH", "MAX_NODES", "PREDICATES", "parse"]

MAX_NODES = 10_000
"""Nodes of one expression at most."""

MAX_DEPTH = 100
"""Levels of nesting at most; runs of binary operators do not nest."""

BINARY = {
    "|": 0,
    "or": 10,
    "||": 10,
    "and": 15,
    "&&": 15,
    "==": 20,
    "!=": 20,
    "<": 20,
    ">": 20,
    "<=": 20,
    ">=": 20,
    "in": 20,
    "matches": 20,
    "contains": 20,
    "startsWith": 20,
    "endsWith": 20,
    "..": 25,
    "+": 30,
    "-": 30,
    "*": 60,
    "/": 60,
    "%": 60,
    "**": 100,
    "^": 100,
    "??": 500,
}
_UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
_RIGHT = frozenset({"**", "^"})
_NEGATABLE = frozenset({"in", "matches", "contains", "startsWith", "endsWith"})
_ORDER = frozenset({"<", ">", "<=", ">="})
_SAME = {"||": "or", "&&": "and", "!": "not", "^": "**"}

PREDICATES = {
    "all": False,
    "any": False,
    "none": False,
    "one": False,
    "filter": False,
    "map": False,
    "find": False,
    "findIndex": False,
    "findLast": False,
    "findLastIndex": False,
    "groupBy": False,
    "sortBy": False,
    "reduce": False,
    "count": True,
    "sum": True,
}
"""Functions whose second argument is a closure, and whether it may be left out."""


def parse(source: str) -> Node:
    """Read an expression.

    Raises:
      ExpressionError: It is malformed, too long or nested too deeply.
    """
    parser = _Parser(source)
    try:
        node = parser.sequence()
    except RecursionError:
        raise ExpressionError("expression is nested too deeply", source, 0) from None
    if parser.token.kind != "end":
        raise parser.unexpected()
    return node


class _Parser:
    __slots__ = ("closures", "depth", "nodes", "position", "source", "token", "tokens")

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.position = 0
        self.token = self.tokens[0]
        self.depth = 0
        self.closures = 0
        self.nodes = 0

    # Reading tokens

    def advance(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.position += 1
            self.token = self.tokens[self.position]
        return token

    def accept(self, kind: str, text: str) -> bool:
        if self.token.kind == kind and self.token.text == text:
            self.advance()
            return True
        return False

    def expect(self, kind: str, text: str) -> Token:
        if self.token.kind != kind or self.token.text != text:
            raise self.unexpected(f", wanted {text!r}")
        return self.advance()

    def expect_name(self) -> Token:
        if self.token.kind != "name":
            raise self.unexpected(", wanted a name")
        return self.advance()

    def unexpected(self, wanted: str = "") -> ExpressionError:
        token = self.token
        if token.kind == "end":
            return self.error(f"unexpected end of expression{wanted}", token.offset)
        return self.error(f"unexpected token {token.text!r}{wanted}", token.offset)

    def error(self, reason: str, offset: int) -> ExpressionError:
        return ExpressionError(reason, self.source, offset)

    def count(self, offset: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.error(
                f"expression too large: more than {MAX_NODES} nodes", offset
            )

    def link(self, links: int, offset: int) -> None:
        self.count(offset)
        if links > MAX_DEPTH:
            raise self.error("expression is nested too deeply", offset)

    # Expressions

    def sequence(self) -> Node:
        offset = self.token.offset
        items = [self.expression(0)]
        while self.accept("operator", ";"):
            if self.token.kind == "end" or self.token.is_bracket("}"):
                break
            items.append(self.expression(0))
        return items[0] if len(items) == 1 else Sequence(items, offset)

    def expression(self, precedence: int) -> Node:
        self.count(self.token.offset)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error("expression is nested too deeply", self.token.offset)
        if precedence == 0 and self.token.is_operator("let"):
            node = self.let()
        elif precedence == 0 and self.token.is_operator("if"):
            node = self.if_else()
        else:
            node = self.operators(precedence)
            if precedence == 0:
                node = self.conditional(node)
        self.depth -= 1
        return node

    def operators(self, precedence: int) -> Node:
        left = self.primary()
        previous = ""
        pipes = 0
        while self.token.kind == "operator":
            token = self.token
            negated = token.text == "not"
            if negated:
                token = self.tokens[self.position + 1]
                if token.kind != "operator" or token.text not in _NEGATABLE:
                    raise self.unexpected()
            level = BINARY.get(token.text)
            if level is None or level < precedence:
                break
            if previous == "??" and token.text not in {"??", "|"}:
                raise self.error(
                    f"operator {token.text!r} may not follow '??',"
                    " put parentheses around either",
                    token.offset,
                )
            if negated:
                self.advance()
            self.advance()
            previous = token.text
            if token.text == "|":
                pipes += 1
                self.link(pipes, token.offset)
                left = self.call(self.expect_name(), [left])
                left = self.postfix(left)
            elif token.text in _ORDER:
                left = self.comparison(left, token, level)
            else:
                step = 0 if token.text in _RIGHT else 1
                right = self.expression(level + step)
                operator = _SAME.get(token.text, token.text)
                left = Binary(operator, left, right, token.offset)
                if negated:
                    left = Unary("not", left, token.offset)
        return left

    def comparison(self, left: Node, token: Token, level: int) -> Node:
        """Read ``a < b < c`` as ``a < b and b < c``."""
        root: Node | None = None
        while True:
            right = self.expression(level + 1)
            node = Binary(token.text, left, right, token.offset)
            root = node if root is None else Binary("and", root, node, token.offset)
            left = right
            if not (self.token.kind == "operator" and self.token.text in _ORDER):
                return root
            token = self.advance()

    def conditional(self, node: Node) -> Node:
        while self.token.is_operator("?"):
            offset = self.advance().offset
            if self.accept("operator", ":"):
                node = Conditional(node, node, self.expression(0), offset)
                continue
            yes = self.expression(0)
            self.expect("operator", ":")
            node = Conditional(node, yes, self.expression(0), offset)
        return node

    def let(self) -> Node:
        self.advance()
        name = self.expect_name()
        self.expect("operator", "=")
        value = self.expression(0)
        self.expect("operator", ";")
        return Let(name.text, value, self.sequence(), name.offset)

    def if_else(self) -> Node:
        offset = self.advance().offset
        test = self.expression(0)
        yes = self.block()
        self.expect("operator", "else")
        no = self.expression(0) if self.token.is_operator("if") else self.block()
        return Conditional(test, yes, no, offset)

    def block(self) -> Node:
        self.expect("bracket", "{")
        node = self.sequence()
        self.expect("bracket", "}")
        return node

    # Operands

    def primary(self) -> Node:
        token = self.token
        if token.kind == "operator" and token.text in _UNARY:
            self.advance()
            operand = self.expression(_UNARY[token.text])
            operator = _SAME.get(token.text, token.text)
            return self.postfix(Unary(operator, operand, token.offset))
        if token.is_bracket("("):
            self.advance()
            node = self.sequence()
            self.expect("bracket", ")")
            return self.postfix(node)
        if self.closures and token.is_operator("#", "."):
            name = ""
            if token.text == "#":
                self.advance()
                if self.token.kind == "name" and self.token.offset == token.offset + 1:
                    name = self.advance().text
            return self.postfix(Pointer(name, token.offset))
        return self.operand(token)

    def operand(self, token: Token) -> Node:
        if token.kind == "number":
            self.advance()
            return Constant(token.value, token.offset)
        if token.kind == "string":
            self.advance()
            return self.postfix(Constant(token.value, token.offset))
        if token.is_bracket("["):
            return self.postfix(self.array())
        if token.is_bracket("{"):
            return self.postfix(self.map_literal())
        if token.kind != "name":
            raise self.unexpected()
        self.advance()
        if token.text in {"true", "false"}:
            return Constant(token.text == "true", token.offset)
        if token.text == "nil":
            return Constant(None, token.offset)
        if self.token.is_bracket("("):
            return self.postfix(self.call(token, []))
        return self.postfix(Name(token.text, token.offset))

    def array(self) -> Node:
        offset = self.advance().offset
        items: list[Node] = []
        while not self.token.is_bracket("]"):
            items.append(self.expression(0))
            if not self.accept("operator", ","):
                break
        self.expect("bracket", "]")
        return Array(items, offset)

    def map_literal(self) -> Node:
        offset = self.advance().offset
        pairs: list[tuple[Node, Node]] = []
        while not self.token.is_bracket("}"):
            key = self.map_key()
            self.expect("operator", ":")
            pairs.append((key, self.expression(0)))
            if not self.accept("operator", ","):
                break
        self.expect("bracket", "}")
        return MapLiteral(pairs, offset)

    def map_key(self) -> Node:
        token = self.token
        self.count(token.offset)
        if token.kind == "string":
            self.advance()
            return Constant(token.value, token.offset)
        if token.kind in {"name", "number"} or (
            token.kind == "operator" and token.text.isalpha()
        ):
            self.advance()
            return Constant(token.text, token.offset)
        if token.is_bracket("("):
            self.advance()
            node = self.expression(0)
            self.expect("bracket", ")")
            return node
        raise self.error(
            "a map key must be a quoted string, a number, a name,"
            f" or an expression in parentheses (unexpected token {token.text!r})",
            token.offset,
        )

    # Calls and members

    def call(self, name: Token, arguments: list[Node]) -> Node:
        optional = PREDICATES.get(name.text)
        self.expect("bracket", "(")
        while not self.token.is_bracket(")"):
            if optional is not None and len(arguments) == 1:
                arguments.append(self.predicate())
            else:
                arguments.append(self.expression(0))
            if not self.accept("operator", ","):
                break
        self.expect("bracket", ")")
        if optional is not None and len(arguments) < 2 - optional:
            raise self.error(
                f"not enough arguments to call {name.text}:"
                " wanted a list and a closure",
                name.offset,
            )
        return Call(name.text, arguments, name.offset)

    def predicate(self) -> Node:
        offset = self.token.offset
        self.closures += 1
        # A brace opens the body of a closure here, never a map.
        if self.token.is_bracket("{"):
            self.advance()
            body = self.sequence()
            self.expect("bracket", "}")
        else:
            body = self.expression(0)
            if self.token.is_operator(";"):
                raise self.error(
                    "wrap the closure in braces { and } to use several expressions",
                    self.token.offset,
                )
        self.closures -= 1
        return Predicate(body, offset)

    def postfix(self, node: Node) -> Node:
        in_chain = False
        links = 0
        while True:
            token = self.token
            if token.is_operator(".", "?."):
                optional = token.text == "?."
                self.advance()
                if optional and self.token.is_bracket("["):
                    node = self.index(node, optional=True)
                else:
                    node = self.member(node, optional=optional)
                in_chain = in_chain or optional
            elif token.is_bracket("["):
                node = self.index(node, optional=False)
            else:
                return Chain(node, node.offset) if in_chain else node
            links += 1
            self.link(links, token.offset)

    def member(self, node: Node, *, optional: bool) -> Node:
        token = self.advance()
        word = token.kind == "operator" and token.text.isalpha()
        if token.kind != "name" and not word:
            raise self.error("expected a name after the dot", token.offset)
        if not self.token.is_bracket("("):
            key = Constant(token.text, token.offset)
            return Member(node, key, optional, token.offset)
        self.advance()
        arguments: list[Node] = []
        while not self.token.is_bracket(")"):
            arguments.append(self.expression(0))
            if not self.accept("operator", ","):
                break
        self.expect("bracket", ")")
        return Method(node, token.text, arguments, optional, token.offset)

    def index(self, node: Node, *, optional: bool) -> Node:
        offset = self.advance().offset
        start: Node | None = None
        if not self.token.is_operator(":"):
            start = self.expression(0)
            if self.accept("bracket", "]"):
                return Member(node, start, optional, offset)
        self.expect("operator", ":")
        stop = None if self.token.is_bracket("]") else self.expression(0)
        self.expect("bracket", "]")
        return Slice(node, start, stop, offset)
