"""The types that host modules export, by module (types 1.9)."""

from __future__ import annotations

from typing import Final

__all__ = ["AMBIENT", "PLATFORM_TYPES"]

AMBIENT: Final = ("process", "channel")
"""Modules whose types are known without a ``require``."""

PLATFORM_TYPES: Final[dict[str, frozenset[str]]] = {
    module: frozenset(names.split())
    for module, names in {
        "channel": "Channel SelectCase SelectResult",
        "process": "Message Event Options SpawnBuilder",
        "time": "Time Duration Location Ticker Timer",
        "http": "Request Response MultipartFile MultipartForm Stream",
        "http_client": "Response RequestOptions TLSOptions StreamReader",
        "sql": "DB Statement Transaction DBStats ExecuteResult Sqlizer QueryExecutor"
        " SelectBuilder InsertBuilder UpdateBuilder DeleteBuilder",
        "store": "Store Info Entry Page ListOptions PutOptions",
        "registry": "Snapshot Changes Version History ID Entry",
        "fs": "FS File FileInfo",
        "stream": "Stream Scanner",
        "security": "Actor Scope Policy TokenStore",
        "contract": "Contract MethodDefinition SchemaDefinition",
        "funcs": "Executor Future",
        "exec": "Executor Process",
        "queue": "Message",
        "payload": "Payload",
        "logger": "Logger",
        "uuid": "Info",
        "html": "Policy AttrBuilder",
        "text": "Regexp Differ Splitter DiffResult",
        "template": "Set",
        "websocket": "Client Message",
        "workflow": "Info",
        "system": "MemStats ModuleInfo HostStats ProcessStats NodeInfo",
        "treesitter": "Parser Tree Node Query Cursor Language Point Range",
        "expr": "Program",
        "excel": "Workbook",
        "cloudstorage": "Storage ListObjectsOptions ListObjectsResult"
        " HeadObjectResult DownloadOptions UploadOptions PresignedURLOptions",
        "compress": "Options Codec ZstdCodec ZstdTrainDictOptions ZstdDictInfo",
        "yaml": "EncodeOptions",
        "ostime": "DateTable",
        "pg": "Instance",
        "tty": "Style KeyBinding BindingHelp BindingConfig KeyEvent MouseEvent"
        " ResizeEvent StartEvent FocusEvent PasteEvent TTYEvent EventChannel",
    }.items()
}
