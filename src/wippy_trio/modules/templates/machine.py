"""Run templates: an explicit stack of statements, and expressions evaluated in place.

What a statement may see (scope, context, content, blocks, file) is a value, `State`,
that travels with it. A frame on the stack is an iterator of statements and their state;
leaving it restores nothing, because nothing was changed. So includes and yields nest as
deep as the limit says, whatever Python's own stack allows, and ``try`` only has to
drop frames and cut the output back.

Source: modules-data 9.1, 9.2 (limits).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.modules.templates import syntax
from wippy_trio.modules.templates.failure import Fault, LimitError, TemplateError
from wippy_trio.modules.templates.functions import BUILTINS
from wippy_trio.modules.templates.state import Content, Linked, Scope, State
from wippy_trio.modules.templates.values import (
    Caught,
    Function,
    RawText,
    Writer,
    arithmetic,
    call,
    compare,
    cut,
    equal,
    escape_html,
    has_key,
    kind_name,
    member,
    negate,
    text_of,
    truth,
)
from wippy_trio.sdk import move_to_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wippy_trio.modules.templates.syntax import Block, Expression, Statement

__all__ = ["Run"]

_MAX_DEPTH = 100
_MAX_OUTPUT = 32 * 1024 * 1024
_MAX_STEPS = 3_000_000
_LONG = 20_000
"""Steps after which a rendering is a long one and goes on in a thread."""
_TURN = 4  # steps that a turn of a range costs besides its statements
_MAX_ROOM = 64 * 1024 * 1024


class _Turn(NamedTuple):
    """One turn of a range: a statement of the machine's own."""

    body: list[Statement]
    state: State


class _Frame:
    __slots__ = ("rescue", "state", "statements")

    def __init__(
        self,
        statements: Iterator[Statement | _Turn],
        state: State,
        rescue: tuple[syntax.Try, State, int, int] | None = None,
    ) -> None:
        self.statements = statements
        self.state = state
        self.rescue = rescue


class _Output:
    __slots__ = ("chunks", "size")

    def __init__(self) -> None:
        self.chunks: list[str] = []
        self.size = 0


class Run:
    """One rendering.

    Args:
      find: Looks a template up from the name used and the file that uses it; None
        if there is none.
      globals_: Values by name that every template of the set sees.
    """

    def __init__(
        self, find: Callable[[str, str], Linked | None], globals_: dict[str, Any]
    ) -> None:
        self.state: State  # of the statement that runs
        self._find = find
        self._globals = globals_
        self._output = _Output()
        self._steps = _MAX_STEPS
        self._mark = _MAX_STEPS - _LONG
        self._room = _MAX_ROOM
        self._line = 0
        self._functions: dict[str, Function | Writer] = {
            **BUILTINS,
            "exec": Function("exec", Run._exec, 1, 2),
            "includeIfExists": Function("includeIfExists", Run._include_if, 1, 2),
        }

    def render(self, template: Linked, variables: dict[str, Any]) -> str:
        """Run a template from its beginning.

        Raises:
          TemplateError: It failed, or ran into a limit.
        """
        scope = Scope(None, variables)
        state = State(scope, None, None, (template.blocks,), template.file, 0, [None])
        self.state = state
        try:
            self._run(template.body, state)
        except (Fault, LimitError) as failure:
            raise TemplateError(str(failure), self.state.file, self._line) from None
        except RecursionError:
            raise TemplateError(
                "template is nested too deeply", self.state.file, self._line
            ) from None
        return "".join(self._output.chunks)

    def room(self, characters: int) -> None:
        """Charge characters that a function is about to make.

        Raises:
          LimitError: No room is left.
        """
        self._room -= characters
        if self._room < 0:
            raise LimitError(
                f"template uses more than {_MAX_ROOM} characters of memory"
            )

    def visible(self) -> tuple[Any, dict[str, Any]]:
        """Give the context and all variables, for ``dump``."""
        return self.state.context, self.state.scope.everything()

    # The stack

    def _run(self, body: list[Statement], state: State) -> None:
        stack = [_Frame(iter(body), state)]
        while stack:
            frame = stack[-1]
            statement = next(frame.statements, None)
            if statement is None:
                stack.pop()
                continue
            self.state = frame.state
            try:
                pushed = self._execute(statement, frame.state)
            except (Fault, TemplateError) as failure:
                pushed = self._rescued(stack, failure)
            if pushed is not None:
                stack.append(pushed)

    def _rescued(self, stack: list[_Frame], failure: Fault | TemplateError) -> _Frame:
        """Go back to the innermost ``try``, or on with the failure."""
        while stack and stack[-1].rescue is None:
            stack.pop()
        if not stack:
            raise failure
        rescue = stack.pop().rescue
        assert rescue is not None
        statement, state, chunks, size = rescue
        del self._output.chunks[chunks:]
        self._output.size = size
        state = state.inner()
        if statement.error_name:
            text = str(failure)
            if isinstance(failure, Fault):
                text = f"template {self.state.file}:{self._line}: {text}"
            state.scope.variables[statement.error_name] = Caught(text)
        return _Frame(iter(statement.rescue), state)

    def _step(self) -> None:
        self._steps -= 1
        if self._steps < self._mark:
            self._mark = 0
            if self._steps < 0:
                raise LimitError(f"template takes more than {_MAX_STEPS} steps")
            move_to_thread()

    def _write(self, text: str) -> None:
        output = self._output
        output.size += len(text)
        if output.size > _MAX_OUTPUT:
            raise LimitError(f"output is larger than {_MAX_OUTPUT} characters")
        output.chunks.append(text)

    def _deeper(self, state: State) -> int:
        if state.depth >= _MAX_DEPTH:
            raise LimitError(
                f"include, yield and exec are nested more than {_MAX_DEPTH} deep"
            )
        return state.depth + 1

    # Statements

    def _execute(self, statement: Statement | _Turn, state: State) -> _Frame | None:
        if isinstance(statement, syntax.WriteText):
            self._write(statement.text)
            return None
        self._step()
        if isinstance(statement, _Turn):
            self._steps -= _TURN
            return _Frame(iter(statement.body), statement.state)
        self._line = statement.line
        if isinstance(statement, syntax.Print):
            self._print(statement.value, state)
            return None
        execute = _STATEMENTS[type(statement)]
        return execute(self, statement, state)

    def _print(self, value: Expression, state: State) -> None:
        if isinstance(value, syntax.Call):
            target = self._evaluate(value.target, state)
            if isinstance(target, Writer):
                arguments = [self._evaluate(item, state) for item in value.arguments]
                for argument in arguments:
                    self._write(target.write(text_of(argument)))
                return
        shown = self._evaluate(value, state)
        if isinstance(shown, _Hidden):
            return
        if isinstance(shown, RawText):
            self._write(shown.text)
        else:
            self._write(escape_html(text_of(shown)))

    def _assign(self, statement: syntax.Assign, state: State) -> None:
        targets = statement.targets
        if len(targets) == len(statement.values):
            values = [self._evaluate(value, state) for value in statement.values]
        else:
            index = statement.values[0]
            assert isinstance(index, syntax.Index)
            holder = self._evaluate(index.target, state)
            key = self._evaluate(index.key, state)
            found = has_key(holder, key)
            values = [member(holder, key) if found else None, found]
        for target, value in zip(targets, values, strict=True):
            self._store(target, value, state, declares=statement.declares)

    def _store(
        self, target: Expression, value: Any, state: State, *, declares: bool
    ) -> None:
        if isinstance(target, syntax.Placeholder):
            return
        if isinstance(target, syntax.Index):
            holder = self._evaluate(target.target, state)
            key = self._evaluate(target.key, state)
            if not isinstance(holder, dict):
                raise Fault(f"cannot assign to a field of {kind_name(holder)}")
            holder[text_of(key)] = value
            return
        assert isinstance(target, syntax.Variable)
        if declares:
            state.scope.variables[target.name] = value
            return
        variables = state.scope.holder(target.name)
        if variables is None:
            raise Fault(f'cannot assign to "{target.name}": it is not declared')
        variables[target.name] = value

    def _if(self, statement: syntax.If, state: State) -> _Frame:
        inner = state.inner()
        if statement.setup is not None:
            self._assign(statement.setup, inner)
        chosen = truth(self._evaluate(statement.test, inner))
        return _Frame(iter(statement.yes if chosen else statement.no), inner.inner())

    def _range(self, statement: syntax.Range, state: State) -> _Frame:
        value = self._evaluate(statement.value, state)
        pairs: Iterator[tuple[Any, Any]]
        if isinstance(value, list):
            pairs = enumerate(list(value))
        elif isinstance(value, dict):
            pairs = iter(sorted(value.items(), key=lambda pair: str(pair[0])))
        else:
            raise Fault(f"range cannot go over {kind_name(value)}")
        if not value:
            return _Frame(iter(statement.empty), state.inner())
        return _Frame(self._turns(statement, pairs, state), state)

    def _turns(
        self, statement: syntax.Range, pairs: Iterator[tuple[Any, Any]], state: State
    ) -> Iterator[_Turn]:
        names = statement.names
        for key, value in pairs:
            inner = state.entered(value if len(names) < 2 else state.context)
            for name, item in zip(names, (key, value), strict=False):
                if name == "_":
                    continue
                holder = None if statement.declares else state.scope.holder(name)
                (inner.scope.variables if holder is None else holder)[name] = item
            yield _Turn(statement.body, inner)

    def _include(self, statement: syntax.Include, state: State) -> _Frame:
        name = self._evaluate(statement.name, state)
        template = self._template(name, state)
        if template is None:
            raise Fault(f"template {text_of(name)} not found")
        context = state.context
        if statement.context is not None:
            context = self._evaluate(statement.context, state)
        return _Frame(iter(template.body), self._entered(template, context, state))

    def _template(self, name: Any, state: State) -> Linked | None:
        if not isinstance(name, str):
            raise Fault(f"template name must be a string, got {kind_name(name)}")
        return self._find(name, state.file)

    def _entered(self, template: Linked, context: Any, state: State) -> State:
        return state.entered(context)._replace(
            blocks=(template.blocks, *state.blocks),
            file=template.file,
            depth=self._deeper(state),
        )

    def _block(self, statement: syntax.Block, state: State) -> _Frame:
        block, file = self._find_block(statement.name, state) or (
            statement,
            state.file,
        )
        for parameter in block.parameters:
            if parameter.value is None:
                raise Fault(
                    f"block {block.name} runs in place, and its parameter"
                    f" {parameter.name} has no default"
                )
        return self._enter_block(
            block, file, block.parameters, block.context, block.content, state
        )

    def _yield(self, statement: syntax.Yield, state: State) -> _Frame | None:
        if not statement.name:
            content = state.content
            if content is None:
                return None
            # The content sees the variables of who gave it, and the context of here.
            depth = self._deeper(state)
            inner = content.state.entered(state.context)._replace(depth=depth)
            if statement.context is not None:
                inner = inner._replace(context=self._evaluate(statement.context, state))
            return _Frame(iter(content.body), inner)
        found = self._find_block(statement.name, state)
        if found is None:
            raise Fault(f'unresolved block "{statement.name}"')
        block, file = found
        return self._enter_block(
            block,
            file,
            statement.parameters,
            statement.context,
            statement.content,
            state,
        )

    @staticmethod
    def _find_block(name: str, state: State) -> tuple[Block, str] | None:
        for blocks in state.blocks:
            if name in blocks:
                return blocks[name]
        return None

    def _enter_block(
        self,
        block: Block,
        file: str,
        parameters: tuple[syntax.BlockParameter, ...],
        context: Expression | None,
        content: list[Statement] | None,
        state: State,
    ) -> _Frame:
        inner = state.inner()._replace(file=file, depth=self._deeper(state))
        variables = inner.scope.variables
        known = {parameter.name for parameter in block.parameters}
        for parameter in parameters:
            if parameter.name in known and parameter.value is not None:
                variables[parameter.name] = self._evaluate(parameter.value, inner)
        for parameter in block.parameters:
            if parameter.name in variables:
                continue
            if parameter.value is not None:
                variables[parameter.name] = self._evaluate(parameter.value, inner)
            else:
                variables[parameter.name] = False
        if context is not None:
            inner = inner._replace(context=self._evaluate(context, inner))
        if content is not None:
            inner = inner._replace(content=Content(content, state))
        return _Frame(iter(block.body), inner)

    def _try(self, statement: syntax.Try, state: State) -> _Frame:
        output = self._output
        rescue = statement, state, len(output.chunks), output.size
        return _Frame(iter(statement.body), state.inner(), rescue)

    def _return(self, statement: syntax.Return, state: State) -> None:
        state.returned[0] = self._evaluate(statement.value, state)

    # Templates run by functions

    def _exec(self, name: Any, context: Any = None) -> Any:
        template = self._template(name, self.state)
        if template is None:
            raise Fault(f"template {text_of(name)} not found")
        cell: list[Any] = [None]
        state = self._entered(template, context, self.state)._replace(returned=cell)
        output, self._output = self._output, _Output()
        try:
            self._nested(template, state)
        finally:
            self._output = output
        return cell[0]

    def _include_if(self, name: Any, context: Any = None) -> _Hidden:
        template = self._template(name, self.state)
        if template is None:
            return _ABSENT
        chosen = self.state.context if context is None else context
        self._nested(template, self._entered(template, chosen, self.state))
        return _PRESENT

    def _nested(self, template: Linked, state: State) -> None:
        saved, line = self.state, self._line
        self._run(template.body, state)
        self.state, self._line = saved, line

    # Expressions

    def _evaluate(self, node: Expression, state: State) -> Any:
        if isinstance(node, syntax.Literal):
            return node.value
        self._step()
        self._line = node.line
        return _EXPRESSIONS[type(node)](self, node, state)

    def _context(self, node: syntax.Context, state: State) -> Any:
        return state.context

    def _variable(self, node: syntax.Variable, state: State) -> Any:
        name = node.name
        variables = state.scope.holder(name)
        if variables is not None:
            return variables[name]
        if name in self._globals:
            return self._globals[name]
        function = self._functions.get(name)
        if function is None:
            if name == "isset":
                return _ISSET
            raise Fault(f'identifier "{name}" is not available in the current scope')
        return function

    def _member(self, node: syntax.Index, state: State) -> Any:
        target = self._evaluate(node.target, state)
        return member(target, self._evaluate(node.key, state))

    def _slice(self, node: syntax.SliceOf, state: State) -> Any:
        target = self._evaluate(node.target, state)
        start = None if node.start is None else self._evaluate(node.start, state)
        stop = None if node.stop is None else self._evaluate(node.stop, state)
        part = cut(target, start, stop)
        self.room(len(part))
        return part

    def _call(self, node: syntax.Call, state: State) -> Any:
        target = self._evaluate(node.target, state)
        if target is _ISSET:
            return all(self._is_set(item, state) for item in node.arguments)
        arguments = [self._evaluate(item, state) for item in node.arguments]
        return call(self, target, arguments)

    def _is_set(self, node: Expression, state: State) -> bool:
        try:
            return self._evaluate(node, state) is not None
        except Fault:
            return False

    def _placeholder(self, node: syntax.Placeholder, state: State) -> Any:
        raise Fault("_ has no value outside the arguments of a pipe")

    def _unary(self, node: syntax.Unary, state: State) -> Any:
        return negate(self._evaluate(node.operand, state))

    def _not(self, node: syntax.Not, state: State) -> bool:
        return not truth(self._evaluate(node.operand, state))

    def _binary(self, node: syntax.Binary, state: State) -> Any:
        left = self._evaluate(node.left, state)
        match node.operator:
            case "and":
                return truth(left) and truth(self._evaluate(node.right, state))
            case "or":
                return truth(left) or truth(self._evaluate(node.right, state))
            case "==":
                return equal(left, self._evaluate(node.right, state))
            case "!=":
                return not equal(left, self._evaluate(node.right, state))
            case "<" | "<=" | ">" | ">=" as operator:
                return compare(operator, left, self._evaluate(node.right, state))
            case operator:
                value = arithmetic(operator, left, self._evaluate(node.right, state))
                if isinstance(value, str):
                    self.room(len(value))
                return value

    def _ternary(self, node: syntax.Ternary, state: State) -> Any:
        chosen = truth(self._evaluate(node.test, state))
        return self._evaluate(node.yes if chosen else node.no, state)


class _Hidden(int):
    """The answer of ``includeIfExists``: a boolean that shows nothing."""

    __slots__ = ()


_PRESENT, _ABSENT = _Hidden(1), _Hidden(0)
_ISSET: Any = object()  # its arguments are evaluated one by one, and may fail

_STATEMENTS: dict[type, Callable[[Run, Any, State], _Frame | None]] = {
    syntax.Assign: Run._assign,
    syntax.If: Run._if,
    syntax.Range: Run._range,
    syntax.Include: Run._include,
    syntax.Block: Run._block,
    syntax.Yield: Run._yield,
    syntax.Try: Run._try,
    syntax.Return: Run._return,
}
_EXPRESSIONS: dict[type, Callable[[Run, Any, State], Any]] = {
    syntax.Context: Run._context,
    syntax.Variable: Run._variable,
    syntax.Index: Run._member,
    syntax.SliceOf: Run._slice,
    syntax.Call: Run._call,
    syntax.Placeholder: Run._placeholder,
    syntax.Unary: Run._unary,
    syntax.Not: Run._not,
    syntax.Binary: Run._binary,
    syntax.Ternary: Run._ternary,
}
