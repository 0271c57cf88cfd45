"""ASGI applications that the tests mount."""

from __future__ import annotations

from typing import Any

import pytest

LIVES: list[str] = []


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Tell where it is, read the body, echo on WebSockets; no lifespan."""
    if scope["type"] == "lifespan":
        raise RuntimeError("not spoken")
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    text = f"{scope['root_path']} {scope['path']} {scope['query_string']!r} {size}"
    assert not any(key.startswith("wippy_trio") for key in scope)
    headers = [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1")]
    headers.append((b"set-cookie", b"b=2"))
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


async def living(scope: Any, receive: Any, send: Any) -> None:
    """Take part in the lifespan, and put something into its state."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            LIVES.append(message["type"])
            if message["type"] == "lifespan.startup":
                scope["state"]["made"] = "at startup"
                await send({"type": "lifespan.startup.complete"})
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in (b"a", b"b"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    body = scope["state"]["made"].encode()
    await send({"type": "http.response.body", "body": body})


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    """Fail at the start."""
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


def make() -> Any:
    """Be a factory."""
    return plain


def starlette_application() -> Any:
    """Make one with Starlette."""
    Starlette = pytest.importorskip("starlette.applications").Starlette  # noqa: N806
    responses = pytest.importorskip("starlette.responses")
    Route = pytest.importorskip("starlette.routing").Route  # noqa: N806

    async def hello(request: Any) -> Any:
        return responses.JSONResponse({"name": request.path_params["name"]})

    async def stream(request: Any) -> Any:
        del request

        async def pieces() -> Any:
            for number in range(3):
                yield f"{number}\n"

        return responses.StreamingResponse(pieces())

    return Starlette(routes=[Route("/hello/{name}", hello), Route("/stream", stream)])
