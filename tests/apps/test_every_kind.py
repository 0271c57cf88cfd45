"""Every kind loads, whether this version has it or not (apps 13.24)."""

from __future__ import annotations

from pathlib import Path

import trio
from structlog.testing import capture_logs

from wippy_trio.loading import load_project
from wippy_trio.registry import KINDS
from wippy_trio.runtime import catalogue
from wippy_trio.runtime.boot import RunningRuntime, running

INDEX = Path(__file__).with_name("every_kind.yaml")


def test_an_application_of_all_kinds_starts(tmp_path: Path) -> None:
    """One entry of each; what is not built yet is listed with one warning."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX.read_text("utf-8"))

    async def main() -> tuple[set[str], dict[str, str]]:
        runtime = RunningRuntime(load_project(tmp_path))
        with trio.fail_after(30), capture_logs() as logs:
            async with running(runtime):
                state = runtime.live.state.state
                kinds = {id_: entry.kind for id_, entry in state.items()}
        warned = {
            log["entry"]
            for log in logs
            if log["log_level"] == "warning" and "not available" in log["event"]
        }
        return warned, kinds

    warned, kinds = trio.run(main)
    assert set(kinds.values()) >= KINDS
    unbuilt = {
        id_
        for id_, kind in kinds.items()
        if not kind.startswith(("ns.", "registry."))
        and not catalogue.handler_class(kind)
    }
    assert warned == unbuilt  # design 7
