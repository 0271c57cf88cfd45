"""How fast sources are translated, beside `ast.parse` on Python of the same size.

Both are measured in turns in one run, so that what else the machine does hits both.
The yardstick is the standard library. Goals, as ratios of lines a second: tokens 1.4;
parse, erase and plant 0.7; check 0.1 (types 4.10).
"""

from __future__ import annotations

import ast
import random
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

from wippy_trio.lang import compile_chunk, lint_chunk, parse
from wippy_trio.lang.check import check_chunk
from wippy_trio.lang.lexer import tokenize
from wippy_trio.lang.parser import read_source

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
LINES = 20_000

REALISTIC = Path(__file__).with_name("lang_sample.lua")


def python_sources() -> list[str]:
    """Read modules of the standard library until there are enough lines."""
    sources: list[str] = []
    lines = 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        sources.append(text)
        lines += text.count("\n")
        if lines > LINES:
            break
    return sources


def realistic_sources() -> list[bytes]:
    """Repeat a worker written as people write them, under other names."""
    text = REALISTIC.read_text(encoding="utf-8")
    count = LINES // text.count("\n")
    return [text.replace("worker", f"worker{n}").encode() for n in range(count)]


def generated_sources() -> list[bytes]:
    """Draw sources from a grammar of common statements, a fixed seed each."""
    return [_generate(random.Random(seed)) for seed in range(LINES // 400)]


def _generate(draw: random.Random) -> bytes:
    lines = ['local json = require("json")', "local M = {}", ""]
    names = ["self", "job", "result", "options", "items", "name", "index", "value"]
    pick = draw.choice

    def value(depth: int) -> str:
        kind = draw.randrange(9 if depth else 4)
        if kind == 0:
            return pick(names)
        if kind == 1:
            return str(draw.randrange(1000))
        if kind == 2:
            return f'"{pick(names)} text"'
        if kind == 3:
            return f"{pick(names)}.{pick(names)}"
        if kind == 4:
            return f"{value(0)} {pick(['+', '..', '==', 'and', 'or', '<'])} {value(0)}"
        if kind == 5:
            return f"{pick(names)}:{pick(names)}({value(0)}, {value(0)})"
        if kind == 6:
            return f"{{ {pick(names)} = {value(0)}, {pick(names)} = {value(0)} }}"
        if kind == 7:
            return f"M.{pick(names)}({value(depth - 1)})"
        return f"{pick(names)}[{value(0)}]"

    def block(indent: str, depth: int) -> None:
        for _ in range(draw.randrange(2, 6)):
            kind = draw.randrange(9 if depth else 4)
            if kind == 0:
                lines.append(f"{indent}local {pick(names)} = {value(2)}")
            elif kind == 1:
                lines.append(f"{indent}{pick(names)}.{pick(names)} = {value(2)}")
            elif kind == 2:
                lines.append(f"{indent}{pick(names)}:{pick(names)}({value(1)})")
            elif kind == 3:
                lines.append(f"{indent}-- what comes next concerns {pick(names)}")
            elif kind < 7:
                lines.append(f"{indent}if {value(1)} then")
                block(indent + "    ", depth - 1)
                lines.append(f"{indent}end")
            elif kind == 7:
                lines.append(f"{indent}for _, value in ipairs({pick(names)}) do")
                block(indent + "    ", depth - 1)
                lines.append(f"{indent}end")
            else:
                lines.append(f"{indent}for index = 1, #{pick(names)} do")
                block(indent + "    ", depth - 1)
                lines.append(f"{indent}end")

    while len(lines) < 400:
        typed = draw.randrange(3) == 0
        header = (
            "self: any, options: {string}?): string?" if typed else "self, options)"
        )
        lines.append(f"function M.{pick(names)}({header}")
        block("    ", 3)
        lines.extend((f"    return {value(2)}", "end", ""))
    lines.append("return M")
    return "\n".join(lines).encode()


def measure(work: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Run each piece of work in turns; return the best lines a second of each."""
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, run in work.items():
            begin = time.perf_counter()
            lines = run()
            speed = lines / (time.perf_counter() - begin)
            best[name] = max(best.get(name, 0.0), speed)
    return best


def main() -> None:
    """Print lines a second and the ratio to the yardstick."""
    python = python_sources()

    def yardstick() -> int:
        for text in python:
            ast.parse(text)
        return sum(text.count("\n") for text in python)

    def over(sources: list[bytes], run: Callable[[bytes], object]) -> Callable[[], int]:
        lines = sum(text.count(b"\n") for text in sources)

        def work() -> int:
            for text in sources:
                run(text)
            return lines

        return work

    for kind, sources in (
        ("realistic", realistic_sources()),
        ("generated", generated_sources()),
    ):
        found = measure(
            {
                "ast.parse": yardstick,
                "tokens": over(sources, lambda text: tokenize(read_source(text))),
                "parse": over(sources, lambda text: parse(text, "bench")),
                "parse, erase, plant": over(
                    sources, lambda text: compile_chunk(text, "bench")
                ),
                "lint": over(
                    sources, lambda text: lint_chunk(text, "bench", known=None)
                ),
                "parse, check": over(
                    sources, lambda text: check_chunk(parse(text, "bench"))
                ),
                "lint, rules": over(
                    sources,
                    lambda text: lint_chunk(text, "bench", known=None, rules=True),
                ),
            }
        )
        base = found["ast.parse"]
        lines = sum(text.count(b"\n") for text in sources)
        print(f"{kind}: {lines} lines")
        for name, speed in found.items():
            print(f"  {name:22} {speed:9,.0f} lines/s  {speed / base:5.2f}")


if __name__ == "__main__":
    main()
