"""The constants of the module `http` (modules-io 8.4)."""

from __future__ import annotations

from typing import Any

__all__ = ["CONSTANTS"]

_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_STATUS = {
    "OK": 200,
    "CREATED": 201,
    "ACCEPTED": 202,
    "NO_CONTENT": 204,
    "PARTIAL_CONTENT": 206,
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "NOT_MODIFIED": 304,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "PAYMENT_REQUIRED": 402,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "CONFLICT": 409,
    "GONE": 410,
    "UNPROCESSABLE": 422,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL_ERROR": 500,
    "INTERNAL_SERVER_ERROR": 500,
    "NOT_IMPLEMENTED": 501,
    "BAD_GATEWAY": 502,
    "SERVICE_UNAVAILABLE": 503,
    "GATEWAY_TIMEOUT": 504,
    "VERSION_NOT_SUPPORTED": 505,
}
_ERRORS = ("PARSE_FAILED", "INVALID_STATE", "WRITE_FAILED", "STREAM_ERROR")

CONSTANTS: dict[str, dict[str, Any]] = {
    "METHOD": {name: name for name in _METHODS},
    "STATUS": _STATUS,
    "CONTENT": {
        "JSON": "application/json",
        "FORM": "application/x-www-form-urlencoded",
        "MULTIPART": "multipart/form-data",
        "TEXT": "text/plain",
        "STREAM": "application/octet-stream",
    },
    "TRANSFER": {"CHUNKED": "chunked", "SSE": "sse"},
    "ERROR": {name: name for name in _ERRORS},
}
