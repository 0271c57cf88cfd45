"""Which URLs may stand in an attribute, and how they are written back.

Source: modules-data 8.1.8.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

__all__ = ["Url", "is_dangerous", "is_data_image", "read_url", "scheme_of"]

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_IGNORED = re.compile(r"[\x00-\x20\x7f\s]+")
_DATA_IMAGE = re.compile(r"data:image/(?:gif|jpeg|png|svg\+xml|webp);base64,")
_MARKUP = re.compile(
    r"data:[^,;]*(?:text/html|xhtml|text/xml|application/xml|svg)", re.IGNORECASE
)
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.%]+\]|[^\s\"<>\\^`{|}\[\]/?#@]*)(?::[0-9]*)?")
_PATH_SAFE = "/:@!$&'()*+,;=-._~%[]"
_REST_SAFE = _PATH_SAFE + "?"


class Url(NamedTuple):
    """A URL that could be read."""

    scheme: str
    host: str
    text: str


def read_url(value: str) -> Url | None:
    """Read a URL and write it in normal form; ``None`` if it cannot be read.

    White space around it is taken off; white space inside makes it unreadable, but for
    a ``data:`` URL.
    """
    value = value.strip(" \t\n\f\r")
    is_data = value[:5].lower() == "data:"
    if is_data:
        value = "".join(value.split())
    if not value or _CONTROL.search(value) or any(map(str.isspace, value)):
        return None
    if value.startswith(":"):
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if (
        not scheme
        and ":" in value.partition("/")[0].partition("?")[0].partition("#")[0]
    ):
        return None  # what stands before the colon is no scheme
    if _BAD_ESCAPE.search(parts.path) and not is_data:
        return None
    user, at, host = parts.netloc.rpartition("@")
    if not _HOST.fullmatch(host) or _BAD_ESCAPE.search(host):
        return None
    if is_data:
        return Url(scheme, "", f"data:{value[5:]}")
    netloc = quote(user, safe=_PATH_SAFE) + at + host
    made = urlunsplit(
        (
            scheme,
            netloc,
            quote(parts.path, safe=_PATH_SAFE),
            quote(parts.query, safe=_REST_SAFE),
            quote(parts.fragment, safe=_REST_SAFE),
        )
    )
    return Url(scheme, host, made) if made else None


def is_data_image(text: str) -> bool:
    """Tell whether a ``data:`` URL is an image in valid base64."""
    match = _DATA_IMAGE.match(text)
    if match is None:
        return False
    try:
        base64.b64decode(text[match.end() :], validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def scheme_of(value: str) -> str:
    """Give the scheme of a URL as a browser sees it."""
    return _IGNORED.sub("", value).partition(":")[0].lower()


def is_dangerous(value: str, *, image: bool) -> bool:
    """Tell whether a browser would run what a URL holds.

    Browsers drop white space and control characters before they look at the scheme.
    """
    bare = _IGNORED.sub("", value).lower()
    if bare.startswith(("javascript:", "vbscript:")):
        return True
    return bare.startswith("data:") and not image and bool(_MARKUP.match(bare))
