"""Read a template into a tree.

Source: modules-data 9.1.
"""

from __future__ import annotations

from wippy_trio.modules.templates.failure import TemplateError
from wippy_trio.modules.templates.lexer import Action, Delimiters, Text, Token, scan
from wippy_trio.modules.templates.syntax import (
    Assign,
    Binary,
    Block,
    BlockParameter,
    Call,
    Context,
    Expression,
    If,
    Include,
    Index,
    Literal,
    Not,
    Parsed,
    Placeholder,
    Print,
    Range,
    Return,
    SliceOf,
    Statement,
    Ternary,
    Try,
    Unary,
    Variable,
    WriteText,
    Yield,
)

__all__ = ["parse"]

_MAX_DEPTH = 60
_KEYWORDS = frozenset(
    {
        "block",
        "catch",
        "content",
        "else",
        "end",
        "extends",
        "if",
        "import",
        "include",
        "range",
        "return",
        "try",
        "yield",
    }
)
_CONSTANTS = {"true": True, "false": False, "nil": None}
_LOGIC = {"and": "and", "&&": "and", "or": "or", "||": "or"}
# From loose to tight; logic, below them all, has its own rule.
_LEVELS = (
    frozenset({"==", "!="}),
    frozenset({"<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)


def parse(source: str, name: str, delimiters: Delimiters) -> Parsed:
    """Read a template.

    Raises:
      TemplateError: It is malformed.
    """
    parser = _Parser(scan(source, name, delimiters), name)
    try:
        return parser.template()
    except RecursionError:
        raise TemplateError("template is nested too deeply", name, 1) from None


class _Parser:
    __slots__ = (
        "_at",
        "_blocks",
        "_depth",
        "_name",
        "_pieces",
        "_position",
        "_tokens",
    )

    def __init__(self, pieces: list[Text | Action], name: str) -> None:
        self._pieces = pieces
        self._at = 0
        self._name = name
        self._tokens: list[Token] = []
        self._position = 0
        self._depth = 0
        self._blocks: dict[str, Block] = {}

    # Tokens of the current action

    @property
    def token(self) -> Token:
        return self._tokens[self._position]

    def _advance(self) -> Token:
        token = self.token
        if token.kind != "end":
            self._position += 1
        return token

    def _is(self, *texts: str) -> bool:
        token = self.token
        return token.kind in {"operator", "name"} and token.text in texts

    def _accept(self, *texts: str) -> Token | None:
        return self._advance() if self._is(*texts) else None

    def _expect(self, text: str) -> Token:
        token = self._accept(text)
        if token is None:
            raise self._unexpected(f", wanted {text!r}")
        return token

    def _expect_name(self) -> Token:
        token = self.token
        if token.kind != "name" or token.text in _KEYWORDS:
            raise self._unexpected(", wanted a name")
        return self._advance()

    def _expect_end(self) -> None:
        if self.token.kind != "end":
            raise self._unexpected()

    def _error(self, reason: str, line: int) -> TemplateError:
        return TemplateError(reason, self._name, line)

    def _unexpected(self, wanted: str = "") -> TemplateError:
        token = self.token
        what = "end of action" if token.kind == "end" else repr(token.text)
        return self._error(f"unexpected {what}{wanted}", token.line)

    # Statements

    def template(self) -> Parsed:
        extends: str | None = None
        imports: list[str] = []
        while self._header():
            action = self._pieces[self._at]
            assert isinstance(action, Action)
            self._tokens, self._position = action.tokens, 1
            literal = self.token
            if literal.kind != "string":
                raise self._unexpected(", wanted a quoted name")
            self._advance()
            self._expect_end()
            path = str(literal.value)
            if action.tokens[0].text == "import":
                imports.append(path)
            elif extends is None and not imports:
                extends = path
            else:
                raise self._error("extends must come first", action.line)
            self._at += 1
        body, stop = self._statements(())
        if stop is not None:
            raise self._error(f"unexpected {stop.text!r}", stop.line)
        return Parsed(self._name, body, self._blocks, extends, tuple(imports))

    def _header(self) -> bool:
        """Step over white space to an ``extends`` or ``import``, if one comes next."""
        index = self._at
        while index < len(self._pieces):
            piece = self._pieces[index]
            if isinstance(piece, Action):
                if piece.tokens[0].text in {"extends", "import"}:
                    self._at = index
                    return True
                return False
            if piece.text.strip():
                return False
            index += 1
        return False

    def _statements(
        self, stops: tuple[str, ...]
    ) -> tuple[list[Statement], Token | None]:
        """Read up to one of the keywords; the action it stands in is then current."""
        self._depth += 1
        found: list[Statement] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if isinstance(piece, Text):
                found.append(WriteText(piece.text))
                continue
            self._tokens, self._position = piece.tokens, 0
            if self._depth > _MAX_DEPTH:
                raise self._error("template is nested too deeply", piece.line)
            first = piece.tokens[0]
            if first.kind == "name" and first.text in stops:
                self._advance()
                self._depth -= 1
                return found, first
            found.extend(self._statement(first))
        if stops:
            wanted = " or ".join(repr(stop) for stop in stops)
            last = self._tokens[-1].line if self._tokens else 1
            raise self._error(f"unexpected end of template, wanted {wanted}", last)
        self._depth -= 1
        return found, None

    def _body(self, *stops: str) -> tuple[list[Statement], Token]:
        self._expect_end()
        body, stop = self._statements(stops)
        assert stop is not None
        return body, stop

    def _statement(self, first: Token) -> list[Statement]:
        if first.kind == "end":
            return []
        if first.kind != "name" or first.text not in _KEYWORDS:
            return self._action()
        self._advance()
        match first.text:
            case "if":
                return [self._if(first)]
            case "range":
                return [self._range(first)]
            case "include":
                return [self._include(first)]
            case "block":
                return [self._block(first)]
            case "yield":
                return [self._yield(first)]
            case "try":
                return [self._try(first)]
            case "return":
                value = self._pipeline()
                self._expect_end()
                return [Return(value, first.line)]
            case "extends" | "import":
                raise self._error(
                    f"{first.text} must stand at the beginning of the template",
                    first.line,
                )
            case _:
                raise self._error(f"unexpected {first.text!r}", first.line)

    def _action(self) -> list[Statement]:
        line = self.token.line
        assign, value = self._assignment_or_value()
        if assign is None:
            assert value is not None
            self._expect_end()
            return [Print(value, line)]
        if self._accept(";"):
            value = self._pipeline()
            self._expect_end()
            return [assign, Print(value, line)]
        self._expect_end()
        return [assign]

    def _assignment_or_value(
        self, *, counted: bool = True
    ) -> tuple[Assign | None, Expression | None]:
        line = self.token.line
        first = self._pipeline()
        if not self._is(",", ":=", "="):
            return None, first
        targets = [first]
        while self._accept(","):
            targets.append(self._expression())
        declares = self._accept(":=") is not None
        if not declares:
            self._expect("=")
        values = [self._pipeline()]
        while self._accept(","):
            values.append(self._pipeline())
        for target in targets:
            self._check_target(target, line, declares=declares)
        counts = len(targets), len(values)
        if (
            counted
            and counts[0] != counts[1]
            and not (counts == (2, 1) and isinstance(values[0], Index))
        ):
            raise self._error(
                f"assignment of {counts[1]} values to {counts[0]} names", line
            )
        return Assign(tuple(targets), tuple(values), declares, line), None

    def _check_target(self, target: Expression, line: int, *, declares: bool) -> None:
        if isinstance(target, (Variable, Placeholder)):
            return
        if declares or not (isinstance(target, Index) and target.field):
            raise self._error("cannot assign to this expression", line)

    def _if(self, first: Token) -> If:
        setup, test = self._assignment_or_value()
        if setup is not None:
            self._expect(";")
            test = self._pipeline()
        assert test is not None
        yes, stop = self._body("else", "end")
        no: list[Statement] = []
        if stop.text == "else":
            branch = self._accept("if")
            if branch is not None:
                # The inner `if` takes the `end` of both.
                self._depth += 1
                if self._depth > _MAX_DEPTH:
                    raise self._error("template is nested too deeply", branch.line)
                no = [self._if(branch)]
                self._depth -= 1
                return If(setup, test, yes, no, first.line)
            no, _ = self._body("end")
        self._expect_end()
        return If(setup, test, yes, no, first.line)

    def _range(self, first: Token) -> Range:
        assign, value = self._assignment_or_value(counted=False)
        names: list[str] = []
        declares = True
        if assign is not None:
            if len(assign.values) != 1 or len(assign.targets) > 2:
                raise self._error("malformed range", first.line)
            for target in assign.targets:
                if not isinstance(target, (Variable, Placeholder)):
                    raise self._error("range needs plain names", first.line)
                names.append(target.name if isinstance(target, Variable) else "_")
            value, declares = assign.values[0], assign.declares
        assert value is not None
        body, stop = self._body("else", "end")
        empty: list[Statement] = []
        if stop.text == "else":
            empty, _ = self._body("end")
        self._expect_end()
        return Range(tuple(names), declares, value, body, empty, first.line)

    def _include(self, first: Token) -> Include:
        name = self._expression()
        context = None if self.token.kind == "end" else self._expression()
        self._expect_end()
        return Include(name, context, first.line)

    def _block(self, first: Token) -> Block:
        name = self._expect_name().text
        parameters = self._parameters(values=False)
        context = None if self.token.kind == "end" else self._expression()
        body, stop = self._body("content", "end")
        content: list[Statement] | None = None
        if stop.text == "content":
            content, _ = self._body("end")
        self._expect_end()
        block = Block(name, parameters, context, body, content, first.line)
        self._blocks[name] = block
        return block

    def _yield(self, first: Token) -> Yield:
        parameters: tuple[BlockParameter, ...] = ()
        if self._accept("content"):
            name = ""
        else:
            name = self._expect_name().text
            parameters = self._parameters(values=True)
        context: Expression | None = None
        if self.token.kind != "end" and not self._is("content"):
            context = self._expression()
        content: list[Statement] | None = None
        if name and self._accept("content"):
            content, _ = self._body("end")
        self._expect_end()
        return Yield(name, parameters, context, content, first.line)

    def _parameters(self, *, values: bool) -> tuple[BlockParameter, ...]:
        found: list[BlockParameter] = []
        self._expect("(")
        while not self._is(")"):
            name = self._expect_name()
            value: Expression | None = None
            if values:
                self._expect("=")
                value = self._expression()
            elif self._accept("="):
                value = self._expression()
            found.append(BlockParameter(name.text, value))
            if not self._accept(","):
                break
        self._expect(")")
        return tuple(found)

    def _try(self, first: Token) -> Try:
        body, stop = self._body("catch", "end")
        name = ""
        rescue: list[Statement] = []
        if stop.text == "catch":
            if self.token.kind != "end":
                name = self._expect_name().text
            rescue, _ = self._body("end")
        self._expect_end()
        return Try(body, name, rescue, first.line)

    # Expressions

    def _pipeline(self) -> Expression:
        value = self._command(None)
        stages = 0
        while self._accept("|"):
            stages += 1
            if stages > _MAX_DEPTH:
                raise self._error("pipe is too long", self.token.line)
            value = self._command(value)
        return value

    def _command(self, piped: Expression | None) -> Expression:
        """Read one stage of a pipe: a value, ``f(a)``, or ``f: a, b``."""
        line = self.token.line
        expression = self._expression()
        if self._accept(":"):
            arguments = [self._expression()]
            while self._accept(","):
                arguments.append(self._expression())
            expression = Call(expression, tuple(arguments), line)
        elif piped is None:
            return expression
        elif not isinstance(expression, Call):
            return Call(expression, (piped,), line)
        if piped is None:
            return expression
        given = expression.arguments
        if any(isinstance(argument, Placeholder) for argument in given):
            placed = tuple(piped if isinstance(a, Placeholder) else a for a in given)
        else:
            placed = (piped, *given)
        return Call(expression.target, placed, line)

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error("expression is nested too deeply", self.token.line)
        value = self._logic()
        question = self._accept("?")
        if question is not None:
            yes = self._expression()
            self._expect(":")
            value = Ternary(value, yes, self._expression(), question.line)
        self._depth -= 1
        return value

    def _logic(self) -> Expression:
        # `and` and `or` are of one level, from left to right.
        value = self._binary(0)
        terms = 0
        while (token := self._accept(*_LOGIC)) is not None:
            terms = self._count(terms, token)
            right = self._binary(0)
            value = Binary(_LOGIC[token.text], value, right, token.line)
        return value

    def _count(self, terms: int, token: Token) -> int:
        # A run of operators leans to the left: the tree is as deep as it is long.
        if terms >= 4 * _MAX_DEPTH:
            raise self._error("expression is too long", token.line)
        return terms + 1

    def _binary(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        value = self._binary(level + 1)
        terms = 0
        while (token := self._accept(*_LEVELS[level])) is not None:
            terms = self._count(terms, token)
            right = self._binary(level + 1)
            value = Binary(token.text, value, right, token.line)
        return value

    def _unary(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error("expression is nested too deeply", self.token.line)
        if (token := self._accept("!", "not")) is not None:
            # It covers the whole comparison after it.
            value: Expression = Not(self._binary(0), token.line)
        elif (token := self._accept("-")) is not None:
            value = Unary(self._unary(), token.line)
        else:
            value = self._postfix(self._operand())
        self._depth -= 1
        return value

    def _operand(self) -> Expression:
        token = self.token
        if token.kind in {"number", "string"}:
            self._advance()
            return Literal(token.value)
        if token.kind == "field":
            self._advance()
            key = Literal(token.text[1:])
            return Index(Context(token.line), key, True, token.line)
        if token.kind == "name" and token.text not in _KEYWORDS:
            self._advance()
            if token.text == "_":
                return Placeholder(token.line)
            if token.text in _CONSTANTS:
                return Literal(_CONSTANTS[token.text])
            return Variable(token.text, token.line)
        if self._accept("."):
            return Context(token.line)
        if self._accept("("):
            value = self._pipeline()
            self._expect(")")
            return value
        raise self._unexpected(", wanted a value")

    def _postfix(self, value: Expression) -> Expression:
        links = 0
        while not self.token.spaced:
            token = self.token
            if token.kind == "field":
                self._advance()
                value = Index(value, Literal(token.text[1:]), True, token.line)
            elif self._accept("("):
                value = Call(value, self._arguments(), token.line)
            elif self._accept("["):
                value = self._index(value, token)
            else:
                break
            links += 1
            if links > _MAX_DEPTH:
                raise self._error("expression is nested too deeply", token.line)
        return value

    def _arguments(self) -> tuple[Expression, ...]:
        found: list[Expression] = []
        while not self._is(")"):
            found.append(self._expression())
            if not self._accept(","):
                break
        self._expect(")")
        return tuple(found)

    def _index(self, target: Expression, token: Token) -> Expression:
        start: Expression | None = None
        if not self._is(":"):
            start = self._expression()
            if self._accept("]"):
                return Index(target, start, False, token.line)
        self._expect(":")
        stop = None if self._is("]") else self._expression()
        self._expect("]")
        return SliceOf(target, start, stop, token.line)
