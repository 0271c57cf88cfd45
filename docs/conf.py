"""Sphinx configuration: Furo, Markdown, warnings are errors, no network."""

from __future__ import annotations

from typing import Any

from wippy_trio import __version__

project = "wippy-trio"
author = "the wippy-trio authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest"]
extensions += ["sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
default_role = "code"
highlight_language = "text"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # an attribute is described once, not by its field as well

html_theme = "furo"
html_title = f"wippy-trio {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False


def leave_out(app: Any, what: str, name: str, found: Any, skip: bool, _: Any) -> Any:
    """Leave out fields of tuples whose only description is their position."""
    del app, what, name, skip
    alias = (getattr(found, "__doc__", None) or "").startswith("Alias for field")
    return True if alias else None


def setup(app: Any) -> None:
    """Teach Pygments typed Lua; show what it has no lexer for as text."""
    # only here: Pygments comes with Sphinx
    from pygments.lexer import bygroups, inherit  # noqa: PLC0415
    from pygments.lexers.scripting import LuaLexer  # noqa: PLC0415
    from pygments.lexers.special import TextLexer  # noqa: PLC0415
    from pygments.token import Name, Operator, Punctuation, Text  # noqa: PLC0415

    class TypedLuaLexer(LuaLexer):
        """Lua with annotations of types, as in `string @min_len(3)`."""

        tokens = {  # noqa: RUF012 - as Pygments wants it
            "base": [
                (r"@\w+", Name.Decorator),
                (r"[?!]", Operator),
                (r"(\w+)(\s*)(:)(?=\s+[^\w\s])", bygroups(Name, Text, Punctuation)),
                inherit,
            ]
        }

    app.add_lexer("lua", TypedLuaLexer)
    for name in ("expr", "mermaid"):
        app.add_lexer(name, TextLexer)
    app.connect("autodoc-skip-member", leave_out)
