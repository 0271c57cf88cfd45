"""What the checker knows of streams, for the modules that give some."""

from __future__ import annotations

__all__ = ["DECLARES"]

DECLARES = """
    type StreamScanner = {
      scan: (self: StreamScanner) -> (boolean, Error?),
      text: (self: StreamScanner) -> string,
      err: (self: StreamScanner) -> string?
    }
    type Stream = {
      read: (self: Stream, size: integer?) -> (nil | string, Error?),
      write: (self: Stream, data: string) -> (integer, Error?),
      seek: (self: Stream, whence: string?, offset: integer?) -> (integer, Error?),
      flush: (self: Stream) -> (boolean, Error?),
      stat: (self: Stream) -> (table?, Error?),
      close: (self: Stream) -> (boolean?, Error?),
      scanner: (self: Stream, split: string?) -> (StreamScanner?, Error?)
    }
"""
