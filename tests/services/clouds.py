"""A cloud for tests: moto's server, in threads of this process."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-west-1"


class Cloud:
    """Where the server is, and a client of one service."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service: str) -> Any:
        """Make a client as an administrator would."""
        from boto3.session import Session  # noqa: PLC0415

        session = Session("id", "secret", region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint)

    @property
    def config(self) -> str:
        """Write the entry ``app:aws``."""
        return (
            f"\n  - {{name: aws, kind: config.aws, region: {REGION},"
            " access_key_id: id, secret_access_key: secret}\n"
        )


@contextlib.contextmanager
def open_cloud() -> Iterator[Cloud]:
    """Start a server, or skip the test with the reason."""
    pytest.importorskip("boto3", reason="the extra aws")
    server_of = pytest.importorskip("moto.server", reason="moto, the test server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Cloud(f"http://{host}:{port}")
    finally:
        server.stop()
