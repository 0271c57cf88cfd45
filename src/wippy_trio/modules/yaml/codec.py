"""What `yaml.encode` and `yaml.decode` do, without Lua.

Source: modules-data section 2.
"""

from wippy_trio.modules.yaml.emitter import Options, encode
from wippy_trio.modules.yaml.reader import (
    YamlConversionError,
    YamlSyntaxError,
    decode,
)

__all__ = ["Options", "YamlConversionError", "YamlSyntaxError", "decode", "encode"]
