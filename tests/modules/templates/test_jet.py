"""Jet templates."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.errors import Error, NotFoundError
from wippy_trio.modules.templates.jet import Delimiters, TemplateError, TemplateSet

DATA: dict[str, Any] = {
    "name": "Ann <b>",
    "n": 3.0,
    "zero": 0.0,
    "empty": "",
    "none": None,
    "xs": [1.0, 2.0, 3.0],
    "no": [],
    "m": {"b": 2.0, "a": 1.0, "k": {"deep": "x"}},
    "users": [{"name": "ann", "age": 30.0}, {"name": "bob", "age": 17.0}],
}


def show(text: str, data: dict[str, Any] | None = None, **others: str) -> str:
    return TemplateSet({"main": text, **others}).render(
        "main", DATA if data is None else data
    )


def failure(
    text: str, data: dict[str, Any] | None = None, **others: str
) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        show(text, data, **others)
    return caught.value


# Text and actions


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("plain }} { text", "plain }} { text"),
        ("a{{ n }}b", "a3b"),
        ("a{{n}}b", "a3b"),
        ("a {* not {{ this *} b", "a  b"),
        ("a  {{- n }} b", "a3 b"),
        ("a {{ n -}}  \n b", "a 3b"),
        ("a {{- n -}} b", "a3b"),
        ("{{ \n n \n + 1 \n }}", "4"),
        ("{{}}", ""),
        ("{{-1}}", "-1"),
        ("{{ x := 5; x }}", "5"),
        ("{{ x := 5 }}{{ x }}", "5"),
        ('{{ "}}" }}', "}}"),
    ],
)
def test_text_and_actions(text: str, wanted: str) -> None:
    assert show(text) == wanted  # modules-data 9.1


def test_other_delimiters() -> None:
    marks = Delimiters("<%", "%>", "<%--", "--%>")
    found = TemplateSet({"a": "{{ x }} <% x %> <%-- no --%>!"}, delimiters=marks)
    assert found.render("a", {"x": 1}) == "{{ x }} 1 !"  # modules-data 9 [P]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12", "12"),
        ("0x10", "16"),
        ("1e3", "1000"),
        ("2.5", "2.5"),
        (r'"a\tA\u00e9"', "a\tAé"),
        ("`raw \\n`", "raw \\n"),
        ("true", "true"),
        ("nil", ""),
        ("'a'", "97"),
        (r"'\n'", "10"),
        ("1e21", "1000000000000000000000"),
        ("0.00001", "0.00001"),
        ("1/3", "0.3333333333333333"),
    ],
)
def test_literals(text: str, wanted: str) -> None:
    assert show(f"{{{{ {text} }}}}") == wanted  # modules-data 9.1


# Output


def test_output_is_escaped_except_from_writers() -> None:
    assert show("{{ name }}") == "Ann &lt;b&gt;"  # modules-data 9.1
    assert show('{{ "&\'\\"" }}') == "&amp;&#39;&#34;"
    assert show("{{ name | raw }}") == "Ann <b>"
    assert show("{{ name | unsafe }}") == "Ann <b>"
    assert show("{{ raw: name }}") == "Ann <b>"
    assert show("{{ raw(name) }}") == "Ann <b>"
    assert show("{{ name | safeHtml }}") == "Ann &lt;b&gt;"
    assert show("{{ name | html }}") == "Ann &amp;lt;b&amp;gt;"
    assert show("{{ name | html | raw }}") == "Ann &lt;b&gt;"
    assert show('{{ "a\'b\\"<x>&=\\n\\\\" | safeJs }}') == (
        "a\\'b\\\"\\u003Cx\\u003E\\u0026\\u003D\\u000A\\\\"
    )


def test_lists_and_maps_have_a_text() -> None:
    assert show("{{ xs }} {{ m }}") == "[1 2 3] map[a:1 b:2 k:map[deep:x]]"
    assert show("{{ slice(nil, true) }}{{ none }}") == "[&lt;nil&gt; true]"


# Operators


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3.5"),
        ("7 % 4", "3"),
        ("-7 % 4", "-3"),
        ("7.9 % 4.9", "3"),
        ("10 - 2 - 3", "5"),
        ("n-1", "2"),
        ("n - 1", "2"),
        ("n * -1", "-3"),
        ("- n", "-3"),
        ("-n + 1", "-2"),
        ('"a" + 1.5', "a1.5"),
        ('"a" + nil', "a"),
        ('1 + "2"', "3"),
        ('2 * "2"', "4"),
        ("1 == 1.0", "true"),
        ('n == "3"', "false"),
        ("nil == none", "true"),
        ("xs == slice(1, 2, 3)", "true"),
        ("1 != 2", "true"),
        ("1 < 2", "true"),
        ('1 < "2"', "true"),
        ("2 <= 2 && 2 >= 2", "true"),
        ("true || false && false", "false"),
        ("true or false and false", "false"),
        ("1 && xs", "true"),
        ("nil || no", "false"),
        ("!n == 4", "true"),
        ("not n == 3", "false"),
        ("!false && false", "false"),
        ("!true || true", "true"),
        ("n > 2 ? 1 : 2", "1"),
        ("n > 5 ? 1 : n > 2 ? 3 : 4", "3"),
        ("false && nope", "false"),
        ("true || nope", "true"),
    ],
)
def test_operators(text: str, wanted: str) -> None:
    assert show(f"{{{{ {text} }}}}") == wanted  # modules-data 9.1


@pytest.mark.parametrize(
    "value", ["nil", "false", "0", "zero", '""', "no", "empty", "map()"]
)
def test_what_is_false(value: str) -> None:
    assert show(f"{{{{ if {value} }}}}yes{{{{ else }}}}no{{{{ end }}}}") == "no"
    assert show(f"{{{{ !{value} }}}}") == "true"  # modules-data 9.1


# Names


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("m.a", "1"),
        ("m.k.deep", "x"),
        ('m["a"]', "1"),
        ("xs[1]", "2"),
        ("xs[n - 1]", "3"),
        ("xs[1:]", "[2 3]"),
        ("xs[:1]", "[1]"),
        ("xs[1:2]", "[2]"),
        ("name[0:3]", "Ann"),
        ("name[0]", "65"),
        ("m.missing", ""),
        ("m.end", ""),
        ("users[0].name", "ann"),
        ("map(1, 2)[1]", "2"),
    ],
)
def test_members(text: str, wanted: str) -> None:
    assert show(f"{{{{ {text} }}}}") == wanted  # modules-data 9.1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ nope }}", 'identifier "nope" is not available'),
        ("{{ if nope }}{{ end }}", 'identifier "nope" is not available'),
        ("{{ none.x }}", "nil has no field 'x'"),
        ("{{ .x }}", "nil has no field 'x'"),
        ("{{ n.x }}", "number has no field 'x'"),
        ("{{ xs[9] }}", "index 9 is out of range for a length of 3"),
        ("{{ xs[-1] }}", "index -1 is out of range"),
        ("{{ xs[2:1] }}", "slice 2:1 is out of range"),
        ("{{ n[1:] }}", "cannot slice number"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 1 % 0.5 }}", "division by zero"),
        ('{{ 1 + "a" }}', "operand of + is not a number: 'a'"),
        ("{{ nil + 1 }}", "operand of + is not a number: nil"),
        ('{{ "a" < 1 }}', "operand of < is not a number: string"),
        ("{{ range n }}{{ end }}", "range cannot go over number"),
        ("{{ range none }}{{ end }}", "range cannot go over nil"),
        ("{{ range name }}{{ end }}", "range cannot go over string"),
        ("{{ n() }}", "number is not a function"),
        ("{{ lower() }}", "wrong number of arguments for lower: got 0"),
        ("{{ lower(1) }}", "lower: wanted a string, got number"),
        ("{{ x = 1 }}", 'cannot assign to "x": it is not declared'),
        ("{{ n.x = 1 }}", "cannot assign to a field of number"),
        ("{{ name | raw | lower }}", "writer raw must be the last stage"),
        ("{{ x := raw(name) }}", "writer raw must be the last stage"),
        ("{{ len(5) }}", "len: number has no length"),
        ("{{ len(nil) }}", "len: nil has no length"),
        ("{{ ints(2, 2) }}", "ints: wanted a < b"),
        ("{{ map(1) }}", "map: wanted pairs"),
        ("{{ repeat(name, -1) }}", "repeat: negative count"),
        ('{{ include "gone" }}', "template gone not found"),
        ("{{ include n }}", "template name must be a string"),
        ('{{ exec("gone") }}', "template gone not found"),
        ("{{ yield gone() }}", 'unresolved block "gone"'),
        ("{{ _ }}", "_ has no value"),
        ("{{ block b(p) }}{{ end }}", "block b runs in place"),
    ],
)
def test_failures_of_a_run(text: str, reason: str) -> None:
    assert failure(text).reason.startswith(reason)  # modules-data 9.1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ n", "unclosed action"),
        ("{* n", "unclosed comment"),
        ('{{ "a }}', "unterminated quoted string"),
        ("{{ n # }}", "unexpected character '#'"),
        ("{{ 12ab }}", "bad number syntax"),
        ("{{ 'ab' }}", "malformed character constant"),
        ("{{ n -1 }}", "unexpected '-1'"),
        ("{{ n n }}", "unexpected 'n'"),
        ("{{ n + }}", "unexpected end of action, wanted a value"),
        ("{{ (n }}", "unexpected end of action, wanted ')'"),
        ("{{ if n }}", "unexpected end of template, wanted 'else' or 'end'"),
        ("{{ end }}", "unexpected 'end'"),
        ("{{ if n }}{{ else }}{{ else }}{{ end }}", "unexpected 'else'"),
        ("{{ catch e }}", "unexpected 'catch'"),
        ("{{ xs[0] = 1 }}", "cannot assign to this expression"),
        ("{{ m.k := 1 }}", "cannot assign to this expression"),
        ("{{ 1 := 1 }}", "cannot assign to this expression"),
        ("{{ a, b := 1 }}", "assignment of 1 values to 2 names"),
        ("{{ a, b, c := m.k }}", "assignment of 1 values to 3 names"),
        ("{{ range a, b, c := xs }}{{ end }}", "malformed range"),
        ('x{{ extends "a" }}', "extends must stand at the beginning"),
        ('{{ import "a" }}{{ extends "a" }}', "extends must come first"),
        ("{{ extends a }}", "unexpected 'a', wanted a quoted name"),
        ("{{ yield }}", "unexpected end of action, wanted a name"),
        ("{{ block if() }}{{ end }}", "unexpected 'if', wanted a name"),
        ("{{ yield b(1) }}", "unexpected '1', wanted a name"),
        ("{{ yield b(p) }}", "unexpected ')', wanted '='"),
        ("{{ " + "(" * 200 + " }}", "expression is nested too deeply"),
        ("{{ " + "-" * 200 + "n }}", "expression is nested too deeply"),
        ("{{ n" + ".a" * 200 + " }}", "expression is nested too deeply"),
        ("{{ 1" + " + 1" * 1000 + " }}", "expression is too long"),
        ("{{ n" + " | lower" * 200 + " }}", "pipe is too long"),
        ("{{ try }}" * 200, "template is nested too deeply"),
    ],
)
def test_malformed_templates(text: str, reason: str) -> None:
    assert failure(text).reason.startswith(reason)


def test_errors_name_template_and_line() -> None:
    found = failure("a\n{{ n }}\n{{ 1 +\n nope }}")
    assert str(found).startswith('template main:4: identifier "nope"')  # modules-data 9
    assert found.kind == "Internal"
    assert found.details == {"template": "main", "line": 4}
    inner = failure('{{ include "part" }}', part="\n\n{{ none.x }}")
    assert str(inner).startswith("template part:3: ")
    syntax = failure('{{ include "part" }}', part="\n{{ if }}")
    assert str(syntax).startswith("template part:2: ")


# Statements


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{if n > 2}}a{{else}}b{{end}}", "a"),
        ("{{if n > 5}}a{{else if n > 2}}b{{else}}c{{end}}", "b"),
        ("{{if n > 5}}a{{else if n > 4}}b{{else}}c{{end}}", "c"),
        ("{{if false}}a{{end}}", ""),
        ("{{if x := n + 1; x > 3}}{{x}}{{end}}", "4"),
        ('{{if v, ok := m["a"]; ok}}{{v}}{{end}}', "1"),
        ("{{range xs}}{{.}},{{end}}", "1,2,3,"),
        ("{{range i := xs}}{{i}}={{.}},{{end}}", "0=1,1=2,2=3,"),
        ("{{range i, v := xs}}{{i}}={{v}},{{end}}", "0=1,1=2,2=3,"),
        ("{{range _, v := xs}}{{v}}{{end}}", "123"),
        ("{{range k, v := m}}{{k}};{{end}}", "a;b;k;"),
        ("{{range no}}a{{else}}none{{end}}", "none"),
        ("{{range map()}}a{{else}}none{{end}}", "none"),
        ("{{range ints(1, 4)}}{{.}}{{end}}", "123"),
        ("{{range users}}{{.name}}{{if .age < 18}}*{{end}} {{end}}", "ann bob* "),
        ("{{range users}}{{range xs}}{{.}}{{end}}{{.name}}{{end}}", "123ann123bob"),
        ("{{i := 9}}{{range i = xs}}{{end}}{{i}}", "2"),
        ("{{x := 1}}{{if true}}{{x := 2}}{{end}}{{x}}", "1"),
        ("{{x := 1}}{{if true}}{{x = 2}}{{end}}{{x}}", "2"),
        ("{{a, b := 1, 2}}{{a}}{{b}}", "12"),
        ("{{a, b := 1, 2}}{{a, b = b, a}}{{a}}{{b}}", "21"),
        ('{{v, ok := m["zz"]}}{{v}}{{ok}}', "false"),
        ("{{v, ok := m.a}}{{v}}{{ok}}", "1true"),
        ("{{_ := 5}}{{x := map()}}{{x.y = 3}}{{x.y}}", "3"),
        (
            "{{ range i, v := users }}{{ if i > 0 }}, {{ end }}{{ v.name }}{{ end }}",
            "ann, bob",
        ),
    ],
)
def test_statements(text: str, wanted: str) -> None:
    assert show(text) == wanted  # modules-data 9.1


def test_the_context_is_nil_at_the_top_and_kept_by_two_names() -> None:
    assert show("[{{ . }}]") == "[]"  # modules-data 9
    assert show("{{ range i, v := xs }}[{{ . }}]{{ end }}") == "[][][]"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("lower(name)", "ann &lt;b&gt;"),
        ("lower: name", "ann &lt;b&gt;"),
        ("name | lower", "ann &lt;b&gt;"),
        ("name | lower | upper", "ANN &lt;B&gt;"),
        ('name | hasPrefix("Ann")', "true"),
        ('name | hasPrefix: "Ann"', "true"),
        ('"Ann" | hasPrefix(name, _)', "true"),
        ('"Ann" | hasSuffix: name, _', "false"),
        ('replace: "aaa", "a", "b", -1', "bbb"),
        ('replace("aaa", "a", "b", 2)', "bba"),
        ('repeat("ab", 2)', "abab"),
        ('split("a,b", ",")', "[a b]"),
        ('trimSpace("  a ")', "a"),
        ('len("é")', "2"),
        ("len(xs)", "3"),
        ("len(m)", "3"),
        ("xs | len", "3"),
        ('url("a b&c/é~")', "a+b%26c%2F%C3%A9~"),
        ("json(m) | raw", '{"a":1,"b":2,"k":{"deep":"x"}}'),
        ("writeJson(slice(1, nil, true))", "[1,null,true]\n"),
        ("json(name)", "&#34;Ann \\u003cb\\u003e&#34;"),
        ('map("k", 1)', "map[k:1]"),
        ("array(1, 2)", "[1 2]"),
        ("ints(0, 3)", "[0 1 2]"),
        ("isset(name)", "true"),
        ("isset(nope)", "false"),
        ("isset(m.k.deep, n)", "true"),
        ("isset(m.z.deep)", "false"),
        ("isset(none)", "false"),
        ("isset(xs[9])", "false"),
        ("(name | lower) + 1", "ann &lt;b&gt;1"),
        ('dump("n")', "n: 3"),
    ],
)
def test_functions(text: str, wanted: str) -> None:
    assert show(f"{{{{ {text} }}}}") == wanted  # modules-data 9.1


def test_dump_describes_everything() -> None:
    assert show("{{ x := 1 }}{{ dump() | raw }}", {"b": 2}) == "context: \nb: 2\nx: 1"


def test_variables_and_globals_may_hide_functions() -> None:
    assert show("{{ len := 5 }}{{ len }}") == "5"
    shared = TemplateSet(
        {"a": "{{ site }}{{ x.y = 2 }}"}, globals_={"site": "S", "x": {}}
    )
    assert shared.render("a") == shared.render("a") == "S"  # apps 2.6
    assert TemplateSet({"a": "{{ s }}"}, globals_={"s": 1}).render("a", {"s": 2}) == "2"


def test_data_outside_is_never_changed() -> None:
    data = {"m": {"a": 1}}
    assert show("{{ m.a = 2 }}{{ m.a }}{{ m = 3 }}{{ m }}", data) == "23"
    assert data == {"m": {"a": 1}}


# Includes, blocks, inheritance


def test_includes_have_a_scope_of_their_own_over_the_callers() -> None:
    found = show('{{ x := 1 }}{{ include "part" }}{{ x }}', part="{{ x }}{{ x := 2 }}")
    assert found == "11"  # modules-data 9.1
    assert show('{{ include "part" m.k }}', part="{{ .deep }}") == "x"
    assert show('{{ range xs }}{{ include "part" }}{{ end }}', part="{{ . }}") == "123"
    assert show('{{ "pa" + "rt" | lower }}') == "part"
    assert show('{{ include "pa" + "rt" }}', part="ok") == "ok"


def test_names_of_templates_are_found_with_extensions_and_paths() -> None:
    found = TemplateSet(
        {
            "pages/home.jet": '{{ include "./side" }}{{ include "../base" }}',
            "pages/side.html.jet": "side;",
            "base.jet.html": '{{ include "/pages/side" }}',
        }
    )
    assert found.render("pages/home") == "side;side;"  # modules-data 9.1
    assert found.render("/pages/home.jet") == "side;side;"
    assert "base" in found
    assert "gone" not in found
    with pytest.raises(NotFoundError, match="template not found"):  # modules-data 9
        found.render("gone")


def test_include_if_exists_answers_and_shows_nothing_itself() -> None:
    text = '{{ includeIfExists("part") }}{{ includeIfExists("gone") }}'
    assert show(text, part="p") == "p"  # modules-data 9.1
    text = '{{ if includeIfExists("gone") }}a{{ else }}b{{ end }}'
    assert show(text) == "b"
    assert show('{{ includeIfExists("part", n) }}', part="{{ . }}") == "3"


def test_exec_gives_the_returned_value_and_drops_the_output() -> None:
    part = "lost{{ return . + 1 }}{{ return . + 2 }}lost"
    assert show('{{ exec("part", 1) }}', part=part) == "3"  # modules-data 9.1
    assert show('[{{ exec("part") }}]', part="lost") == "[]"
    assert show("a{{ return 1 }}b") == "ab"


def test_a_block_runs_in_place_and_where_it_is_yielded() -> None:
    text = "{{ block b(p=1, q=p) }}[{{ p }}{{ q }}]{{ end }}"
    assert show(text) == "[11]"  # modules-data 9.1
    assert show(text + "{{ yield b(p=2) }}{{ yield b(q=5, z=1) }}") == "[11][22][15]"
    assert (
        show('{{ import "lib" }}{{ yield b() }}', lib="{{block b(p)}}{{p}}{{end}}")
        == "false"
    )
    assert show("{{ block b() m.k }}{{ .deep }}{{ end }}") == "x"
    library = "{{ block b() }}{{ .deep }}{{ end }}"
    assert show('{{ import "lib" }}{{ yield b() m.k }}', lib=library) == "x"


def test_content_is_the_callers() -> None:
    library = "{{ block wrap(c) }}<{{ c }}>{{ yield content }}</{{ c }}>{{ end }}"
    text = (
        '{{ import "lib" }}{{ x := 7 }}{{ yield wrap(c="p") content }}{{ x }}{{ end }}'
    )
    assert show(text, lib=library).replace("&", "") == "<p>7</p>"  # modules-data 9.1
    text = '{{ import "lib" }}{{ yield wrap(c="p") }}'
    assert show(text, lib=library) == "<p></p>"
    own = "{{ block b() }}[{{ yield content }}]{{ content }}default{{ end }}"
    assert show(own) == "[default]"
    nested = (
        '{{ import "lib" }}{{ yield wrap(c="a") content }}'
        '{{ yield wrap(c="b") content }}x{{ end }}{{ end }}'
    )
    assert show(nested, lib=library) == "<a><b>x</b></a>"
    each = "{{ block each() }}{{ range xs }}{{ yield content }}{{ end }}{{ end }}"
    text = '{{ import "lib" }}{{ yield each() content }}{{ . }};{{ end }}'
    assert show(text, lib=each) == "1;2;3;"


BASE = "<{{ block title() }}base{{ end }}|{{ block body() }}{{ end }}>"


def test_a_child_replaces_the_blocks_of_its_base() -> None:
    text = '  {* c *}{{ extends "base" }}lost{{ block title() }}child{{ end }}'
    assert show(text, base=BASE) == "<child|>"  # modules-data 9.1


def test_chains_of_bases_work() -> None:
    middle = '{{ extends "base" }}{{ block body() }}middle {{ yield title() }}{{ end }}'
    text = '{{ extends "middle" }}{{ block title() }}leaf{{ end }}'
    assert show(text, base=BASE, middle=middle) == "<leaf|middle leaf>"


def test_an_import_takes_over_blocks_and_writes_nothing() -> None:
    library = "lost{{ block a() }}A{{ end }}{{ block b() }}B{{ end }}"
    text = '{{ import "lib" }}{{ yield a() }}{{ block b() }}own{{ end }}'
    assert show(text, lib=library) == "Aown"  # modules-data 9.1
    text = '{{ extends "base" }}{{ import "lib" }}'
    assert show(text, base=BASE, lib="{{ block body() }}lib{{ end }}") == "<base|lib>"


def test_circles_are_refused() -> None:
    assert "circle" in failure('{{ extends "b" }}', b='{{ extends "main" }}').reason
    assert "circle" in failure('{{ import "main" }}').reason
    assert "not found" in failure('{{ extends "gone" }}').reason


# try


def test_a_failed_try_leaves_no_output() -> None:
    text = "a{{ try }}b{{ none.x }}c{{ catch e }}[{{ e.Error() | raw }}]{{ end }}d"
    assert show(text) == "a[template main:1: nil has no field 'x']d"  # modules-data 9.1
    assert show("a{{ try }}b{{ nope }}{{ end }}c") == "ac"
    assert show("a{{ try }}b{{ catch }}c{{ end }}") == "ab"


def test_try_reaches_into_includes_ranges_and_exec() -> None:
    text = (
        '{{ x := 1 }}{{ try }}{{ range xs }}{{ x = . }}{{ include "p" }}{{ end }}'
        "{{ catch }}{{ x }}{{ end }}"
    )
    assert show(text, p="{{ if . > 1 }}{{ nope }}{{ end }}lost") == "2"
    text = 'a{{ try }}{{ exec("p") }}{{ catch }}b{{ end }}c'
    assert show(text, p="lost{{ nope }}") == "abc"
    text = '{{ try }}{{ include "p" }}{{ catch e }}{{ e.Error() }}{{ end }}'
    assert show(text, p="{{ if }}").startswith("template p:1: unexpected")
    inner = "{{ try }}{{ nope }}{{ catch }}1{{ nope }}{{ end }}"
    assert show(f"{{{{ try }}}}{inner}{{{{ catch }}}}2{{{{ end }}}}") == "2"


# Limits


def test_recursion_is_bounded() -> None:
    assert "nested more than 100 deep" in failure('{{ include "main" }}').reason
    text = "{{ block b() }}{{ yield b() }}{{ end }}"
    assert "nested more than 100 deep" in failure(text).reason  # modules-data 9.2
    text = '{{ x := exec("main") }}'
    assert "nested" in failure(text).reason
    text = '{{ try }}{{ include "main" }}{{ catch }}{{ end }}'
    assert "nested more than 100 deep" in failure(text).reason


def test_a_tree_of_a_hundred_levels_is_no_runaway() -> None:
    tree: dict[str, Any] = {"v": 0}
    for level in range(1, 95):
        tree = {"v": level, "kid": tree}
    part = (
        '{{ if isset(.kid) }}{{ if true }}{{ include "part" .kid }}{{ end }}{{ end }}'
        "{{ .v }},"
    )
    found = show('{{ include "part" tree }}', {"tree": tree}, part=part)
    assert found == "".join(f"{level}," for level in range(95))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "{{ range a := ints(0, 999999) }}{{ range ints(0, 99) }}{{ end }}{{ end }}",
            "steps",
        ),
        ('{{ repeat("x", 1000000000) }}', "memory"),
        ('{{ x := "x" }}{{ range ints(0, 40) }}{{ x = x + x }}{{ end }}', "memory"),
        (
            '{{ x := repeat("x", 999999) }}{{ range ints(0, 99) }}{{ x }}{{ end }}',
            "output",
        ),
        ("{{ m.k = m }}{{ m }}", "nested too deeply"),
        ("{{ m.k = m }}{{ json(m) }}", "nested too deeply"),
        ("{{ m.k = m }}{{ m == map() }}{{ m == m.k }}", "nested too deeply"),
        ("{{ ints(0, 9999999) }}", "more than 1000000 items"),
    ],
)
def test_runaways_meet_a_limit(text: str, reason: str) -> None:
    assert reason in failure(text).reason  # modules-data 9.2


GRAMMAR = r"""{{ }} {{- -}} {* *} if else end range block yield content try catch
include
extends import return x := = n xs m . .a ( ) [ ] | , ; : ? + - * / % == < ! && || 1 "a"
raw len isset exec includeIfExists b() _ nil true text ' ` \ """
PIECES = GRAMMAR.split()


@given(
    st.lists(st.sampled_from(PIECES), max_size=16).map(" ".join) | st.text(max_size=20)
)
@settings(max_examples=500)
def test_any_text_renders_or_is_an_error_of_ours(text: str) -> None:
    try:
        assert isinstance(show(text, b="{{ block b() }}{{ end }}"), str)
    except Error as error:
        assert error.kind in {"Internal", "NotFound"}  # noqa: PT017 - anything else is a fault


@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=6),
    st.text("<>&'\"ab", max_size=8),
)
@settings(max_examples=100)
def test_output_agrees_with_python(items: list[int], text: str) -> None:
    data = {"xs": items, "s": text}
    total = "{{ t := 0 }}{{ range xs }}{{ t = t + . }}{{ end }}{{ t }}"
    assert show(total, data) == str(sum(items))
    escaped = (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace('"', "&#34;")
    )
    assert show("{{ s }}", data) == escaped
    assert show("{{ s | raw }}", data) == text
