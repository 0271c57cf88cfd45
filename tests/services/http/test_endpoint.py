"""Endpoints call functions: modules-io 8.3, 8.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.services.http.application import Application, play

if TYPE_CHECKING:
    from pathlib import Path

HELLO = """
  local res = http.response()
  res:set_content_type(http.CONTENT.JSON)
  res:set_status(http.STATUS.OK)
  res:write_json({message = "hello world"})
"""


def test_a_function_answers_with_json(tmp_path: Path) -> None:
    """The public hello example, and the same connection again."""

    async def scene(app: Application) -> None:
        async with app.client() as client:
            for _ in range(3):
                answer = await client.request("GET", "/hello")
                assert answer.status == 200
                assert answer.headers["content-type"] == "application/json"
                assert answer.text == '{"message":"hello world"}'
                assert answer.headers["content-length"] == "25"

    play(tmp_path, scene, {"hello": HELLO})
