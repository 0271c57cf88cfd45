"""Modules whose Python packages are not installed (modules-data L-5, apps 13.24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from tests.modules.application import run_application
from wippy_trio.errors import UnavailableError
from wippy_trio.runtime import catalogue

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NEEDY = """
  - name: needy
    kind: function.lua
    source: return {main = function() return 1 end}
    method: main
    modules: [crypto]
"""


def test_missing_package_is_told_at_load_and_fails_at_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application starts; what lists the module is not built, with the line."""
    module = catalogue.load_module("crypto")
    monkeypatch.setattr(module, "extra", ("crypto", ("no_such_package",)))
    with capture_logs() as logs:
        found = run_application(
            tmp_path,
            """
            local funcs = require("funcs")
            return {main = function()
              local _, err = funcs.call("app:needy")
              return {tostring(err:kind()), err:message()}
            end}
            """,
            modules="funcs",
            entries=NEEDY,
        )
    kind, text = found
    assert kind == UnavailableError.KIND
    assert "no_such_package" in text
    assert "pip install 'wippy-trio[crypto]'" in text
    (warning,) = (log for log in logs if log.get("entry") == "app:needy")
    assert warning["log_level"] == "warning"
    assert "pip install 'wippy-trio[crypto]'" in warning["event"]
