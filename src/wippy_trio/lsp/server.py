"""The protocol: what an editor sends, handed to the workspace, and back.

The one file that knows pygls. Requests are answered at once from what is known; what a
change touches is checked a moment after the last keystroke, file by file, so that
requests come in between.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from wippy_trio._version import __version__
from wippy_trio.errors import InvalidError
from wippy_trio.lsp import completion, navigation, symbols
from wippy_trio.lsp.diagnostics import Found, findings
from wippy_trio.lsp.hover import hover
from wippy_trio.lsp.rename import rename, renameable
from wippy_trio.lsp.signatures import signature
from wippy_trio.lsp.text import Place, Text
from wippy_trio.lsp.workspace import (
    DEFINITIONS,
    View,
    Workspace,
    absolute,
    project_folder,
)

if TYPE_CHECKING:
    from wippy_trio.lsp.navigation import Location
    from wippy_trio.lsp.text import Span

__all__ = ["serve"]

log = logging.getLogger(__name__)

PAUSE: Final = 0.12
"""Seconds after the last keystroke in a source; for a definition file four times."""

_SEVERITY = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "hint": lsp.DiagnosticSeverity.Hint,
}
_ITEM = {
    "class": lsp.CompletionItemKind.Class,
    "field": lsp.CompletionItemKind.Field,
    "function": lsp.CompletionItemKind.Function,
    "keyword": lsp.CompletionItemKind.Keyword,
    "method": lsp.CompletionItemKind.Method,
    "module": lsp.CompletionItemKind.Module,
    "reference": lsp.CompletionItemKind.Reference,
    "variable": lsp.CompletionItemKind.Variable,
}
_SYMBOL = {
    "field": lsp.SymbolKind.Field,
    "function": lsp.SymbolKind.Function,
    "method": lsp.SymbolKind.Method,
    "module": lsp.SymbolKind.Module,
    "type": lsp.SymbolKind.Class,
    "variable": lsp.SymbolKind.Variable,
}
_WATCHED = ("**/*.lua", "**/*.{yaml,yml,json}", "**/wippy.lock", "**/.wippy.yaml")


class _Server(LanguageServer):
    """The applications of one editor, and what is to be checked in them."""

    def __init__(self) -> None:
        super().__init__(
            "wippy-trio",
            __version__,
            text_document_sync_kind=lsp.TextDocumentSyncKind.Full,
        )
        self._projects: dict[Path, Workspace] = {}
        self._homes: dict[str, Workspace] = {}
        self._dirty: dict[Workspace, set[str]] = {}
        self._reload: set[Workspace] = set()
        self._touched: dict[Workspace, set[str]] = {}
        self._queue: dict[tuple[Workspace, str], None] = {}
        self._published: dict[str, list[Found]] = {}
        self.dismissed = False
        self._timer: asyncio.TimerHandle | None = None
        self._worker: asyncio.Task[None] | None = None

    # Files and applications

    def home(self, path: str) -> Workspace:
        """Return the application of a file."""
        found = self._homes.get(path)
        if found is None:
            paths = map(to_fs_path, self.workspace.folders)
            roots = [Path(root) for root in paths if root is not None]
            if not roots and self.workspace.root_path:
                roots = [Path(self.workspace.root_path)]
            folder = project_folder(Path(path), roots)
            found = self._projects.get(folder)
            if found is None:
                encoding = self.workspace.position_encoding or "utf-16"
                name = getattr(encoding, "value", encoding)
                found = self._projects[folder] = Workspace(folder, encoding=name)
            self._homes[path] = found
        return found

    def find(self, uri: str) -> tuple[Workspace, str] | None:
        """Return the application and the path of a document; None if it is no file."""
        path = _path(uri)
        return None if path is None else (self.home(path), path)

    def ask(self, uri: str, position: lsp.Position) -> _Asked | None:
        """Return what a request about a place is about."""
        found = self.find(uri)
        if found is None or found[1].endswith(DEFINITIONS):
            return None
        workspace, path = found
        view = workspace.view(path)
        if view is None:
            return None
        place = Place(position.line, position.character)
        return _Asked(workspace, view, view.text.offset(place))

    def all_projects(self) -> list[Workspace]:
        """Return the applications of the editor: those in use, and those at a root."""
        for uri in self.workspace.folders:
            folder = to_fs_path(uri)
            if folder is not None:
                self.home(os.path.join(folder, "_"))  # noqa: PTH118 - text in, text out
        return list(self._projects.values())

    # Changes

    def take(self, uri: str, string: str, *, at_once: bool = False) -> None:
        """Take the text of a document."""
        found = self.find(uri)
        if found is None:
            return
        workspace, path = found
        ids = workspace.put(path, string)
        pause = 0.0 if at_once else PAUSE
        if path.endswith(DEFINITIONS):
            if not at_once:
                self._reload.add(workspace)
                pause = 4 * PAUSE
        else:
            self._dirty.setdefault(workspace, set()).update(ids)
        self._queue[workspace, path] = None
        self.soon(pause)

    def leave(self, uri: str) -> None:
        """Forget a document."""
        found = self.find(uri)
        if found is None:
            return
        workspace, path = found
        ids = workspace.drop(path)
        self._queue.pop((workspace, path), None)
        self._homes.pop(path, None)
        if path.endswith(DEFINITIONS):
            self._reload.add(workspace)
        self._dirty.setdefault(workspace, set()).update(ids)
        self.publish(path, [], Text(""))
        self.soon(PAUSE)

    def saved(self, uri: str) -> None:
        """Check all that a saved document touches, open or not."""
        found = self.find(uri)
        if found is None:
            return
        workspace, path = found
        if path.endswith(DEFINITIONS):
            self._reload.add(workspace)
        self.flush_changes()
        for id_ in self._touched.pop(workspace, set()):
            file = workspace.path(id_)
            if file is not None:
                self._queue[workspace, file] = None
        self.soon(0.0)

    def changed_outside(self, uris: list[str]) -> None:
        """Read what something else has written."""
        for uri in uris:
            path = _path(uri)
            if path is None:
                continue
            for folder, workspace in self._projects.items():
                open_too = path in workspace.open_paths
                if Path(path).is_relative_to(folder) and not open_too:
                    self._reload.add(workspace)
        self.soon(2 * PAUSE)

    # Checking

    def soon(self, pause: float) -> None:
        """Check what has changed, a moment from now."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(pause, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        self.flush_changes()
        while self._queue:
            workspace, path = next(iter(self._queue))
            del self._queue[workspace, path]
            try:
                found = findings(workspace, path)
                self.publish(path, found, workspace.text(path))
            except Exception:
                # A fault of ours in one file must not keep the others from being told.
                log.exception("check of %s failed", path)
            await asyncio.sleep(0)  # requests come first

    def flush_changes(self) -> None:
        """Find out what the changes since the last time touch."""
        for workspace in self._reload:
            workspace.reload()
            for path in workspace.open_paths:
                self._queue[workspace, path] = None
        self._reload.clear()
        for workspace, ids in list(self._dirty.items()):
            touched = workspace.settle(ids)
            self._touched.setdefault(workspace, set()).update(touched)
            open_paths = set(workspace.open_paths)
            for id_ in touched:
                file = workspace.path(id_)
                if file is not None and file in open_paths:
                    self._queue[workspace, file] = None
        self._dirty.clear()

    def publish(self, path: str, found: list[Found], text: Text) -> None:
        """Tell the editor what is wrong with a file."""
        uri = from_fs_path(path)
        if uri is None:
            return
        document = self.workspace.text_documents.get(uri)
        if document is None and not found and not self._published.get(path):
            return  # nothing was said of it, and there is nothing to say
        self._published[path] = found
        self.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(
                uri=uri,
                version=None if document is None else document.version,
                diagnostics=[_diagnostic(each) for each in found],
            )
        )

    # Places

    def location(self, workspace: Workspace, place: Location) -> lsp.Location | None:
        """Turn a span of bytes into a place of the editor."""
        uri = from_fs_path(place.path)
        if uri is None:
            return None
        if place.line >= 0:
            at = lsp.Position(place.line, 0)
            return lsp.Location(uri, lsp.Range(at, at))
        text = workspace.text(place.path)
        return lsp.Location(uri, _range(text.span(place.start, place.end)))


class _Asked:
    """A place that a request is about."""

    __slots__ = ("offset", "view", "workspace")

    def __init__(self, workspace: Workspace, view: View, offset: int) -> None:
        self.workspace = workspace
        self.view = view
        self.offset = offset


def _path(uri: str) -> str | None:
    if not uri.startswith("file:"):
        return None
    path = to_fs_path(uri)
    return None if path is None else absolute(path)


def _range(span: Span) -> lsp.Range:
    return lsp.Range(lsp.Position(*span.start), lsp.Position(*span.end))


def _diagnostic(found: Found) -> lsp.Diagnostic:
    return lsp.Diagnostic(
        range=_range(found.span),
        severity=_SEVERITY[found.severity],
        code=found.code,
        source="wippy-trio",
        message=found.message,
        tags=[lsp.DiagnosticTag.Unnecessary] if found.unused else None,
    )


def _symbol(text: Text, found: symbols.Outlined) -> lsp.DocumentSymbol:
    return lsp.DocumentSymbol(
        name=found.name,
        kind=_SYMBOL[found.kind],
        range=_range(text.span(found.start, found.end)),
        selection_range=_range(text.span(found.name_start, found.name_end)),
        children=[_symbol(text, each) for each in found.inside],
    )


def make_server() -> _Server:
    """Build the server with all that it answers."""
    server = _Server()

    @server.feature(lsp.INITIALIZED)
    def initialized(ls: _Server, params: lsp.InitializedParams) -> None:
        capabilities = ls.client_capabilities.workspace
        watching = capabilities and capabilities.did_change_watched_files
        if not (watching and watching.dynamic_registration):
            return
        watchers = [lsp.FileSystemWatcher(glob_pattern=each) for each in _WATCHED]
        registration = lsp.Registration(
            id="watched",
            method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            register_options=lsp.DidChangeWatchedFilesRegistrationOptions(watchers),
        )
        ls.client_register_capability(lsp.RegistrationParams([registration]))

    @server.feature(lsp.SHUTDOWN)
    def dismissed(ls: _Server, params: None) -> None:
        ls.dismissed = True

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: _Server, params: lsp.DidOpenTextDocumentParams) -> None:
        ls.take(params.text_document.uri, params.text_document.text, at_once=True)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: _Server, params: lsp.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        ls.take(uri, ls.workspace.get_text_document(uri).source)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(ls: _Server, params: lsp.DidSaveTextDocumentParams) -> None:
        ls.saved(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: _Server, params: lsp.DidCloseTextDocumentParams) -> None:
        ls.leave(params.text_document.uri)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(ls: _Server, params: lsp.DidChangeWatchedFilesParams) -> None:
        ls.changed_outside([change.uri for change in params.changes])

    _add_questions(server)
    _add_names(server)
    return server


def _add_questions(server: _Server) -> None:
    """Add what is asked about a place."""

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovered(ls: _Server, params: lsp.HoverParams) -> lsp.Hover | None:
        asked = ls.ask(params.text_document.uri, params.position)
        if asked is None:
            return None
        found = hover(asked.workspace, asked.view, asked.offset)
        if found is None:
            return None
        content = lsp.MarkupContent(lsp.MarkupKind.Markdown, found.markdown)
        span = asked.view.text.span(found.start, found.end)
        return lsp.Hover(content, _range(span))

    options = lsp.CompletionOptions(trigger_characters=[".", ":", '"', "'"])

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, options)
    def complete(ls: _Server, params: lsp.CompletionParams) -> lsp.CompletionList:
        asked = ls.ask(params.text_document.uri, params.position)
        if asked is None:
            return lsp.CompletionList(False, [])
        text, offset = asked.view.text, asked.offset
        items = [
            lsp.CompletionItem(
                label=each.label,
                kind=_ITEM[each.kind],
                detail=each.detail or None,
                documentation=each.about or None,
                sort_text=("1" if each.later else "0") + each.label,
                text_edit=lsp.TextEdit(
                    _range(text.span(each.start, offset)), each.label
                ),
            )
            for each in completion.complete(asked.workspace, asked.view, offset)
        ]
        return lsp.CompletionList(False, items)

    triggers = lsp.SignatureHelpOptions(trigger_characters=["(", ","])

    @server.feature(lsp.TEXT_DOCUMENT_SIGNATURE_HELP, triggers)
    def signed(
        ls: _Server, params: lsp.SignatureHelpParams
    ) -> lsp.SignatureHelp | None:
        asked = ls.ask(params.text_document.uri, params.position)
        if asked is None:
            return None
        found = signature(asked.view, asked.offset)
        if found is None:
            return None
        information = lsp.SignatureInformation(
            found.label,
            parameters=[lsp.ParameterInformation(each) for each in found.parameters],
        )
        return lsp.SignatureHelp(
            [information], active_signature=0, active_parameter=found.active
        )

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def defined(ls: _Server, params: lsp.DefinitionParams) -> list[lsp.Location]:
        asked = ls.ask(params.text_document.uri, params.position)
        if asked is None:
            return []
        found = navigation.definition(asked.workspace, asked.view, asked.offset)
        return _located(ls, asked.workspace, found)

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def referred(ls: _Server, params: lsp.ReferenceParams) -> list[lsp.Location]:
        asked = ls.ask(params.text_document.uri, params.position)
        if asked is None:
            return []
        found = navigation.references(
            asked.workspace,
            asked.view,
            asked.offset,
            declaration=params.context.include_declaration,
        )
        return _located(ls, asked.workspace, found)


def _add_names(server: _Server) -> None:
    """Add what is asked about names, and renaming."""

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(ls: _Server, params: lsp.PrepareRenameParams) -> lsp.Range | None:
        asked = ls.ask(params.text_document.uri, params.position)
        if asked is None:
            return None
        span = renameable(asked.view, asked.offset)
        return None if span is None else _range(asked.view.text.span(*span))

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def renamed(ls: _Server, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        uri = params.text_document.uri
        asked = ls.ask(uri, params.position)
        if asked is None:
            return None
        try:
            found = rename(asked.view, asked.offset, params.new_name)
        except InvalidError as error:
            raise JsonRpcInvalidParams(str(error)) from error
        text = asked.view.text
        edits = [
            lsp.TextEdit(_range(text.span(*place)), found.name)
            for place in found.places
        ]
        return lsp.WorkspaceEdit(changes={uri: edits})

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(
        ls: _Server, params: lsp.DocumentSymbolParams
    ) -> list[lsp.DocumentSymbol]:
        asked = ls.ask(params.text_document.uri, lsp.Position(0, 0))
        if asked is None:
            return []
        text = asked.view.text
        return [_symbol(text, each) for each in symbols.outline(asked.view.chunk)]

    @server.feature(lsp.WORKSPACE_SYMBOL)
    def named(
        ls: _Server, params: lsp.WorkspaceSymbolParams
    ) -> list[lsp.WorkspaceSymbol]:
        answer: list[lsp.WorkspaceSymbol] = []
        for workspace in ls.all_projects():
            for id_ in symbols.entries_named(workspace, params.query):
                place = navigation.entry_location(workspace, id_)
                shown = None if place is None else ls.location(workspace, place)
                if shown is not None:
                    kind = lsp.SymbolKind.Module
                    answer.append(lsp.WorkspaceSymbol(shown, id_, kind))
        return answer


def _located(
    ls: _Server, workspace: Workspace, found: list[Location]
) -> list[lsp.Location]:
    shown = [ls.location(workspace, each) for each in found]
    return [each for each in shown if each is not None]


class _Quiet(logging.Filter):
    """Drops the traceback of a request that was refused: the editor was told why."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is written."""
        fault = record.exc_info[1] if record.exc_info else None
        return not isinstance(fault, JsonRpcInvalidParams)


def serve(stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Serve one editor until it says good-bye.

    Returns:
      0; 1 if the editor went without a word.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(_Quiet())
    logging.basicConfig(level=logging.ERROR, handlers=[handler])
    server = make_server()
    server.start_io(stdin, stdout)
    return 0 if server.dismissed else 1
