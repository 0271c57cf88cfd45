"""The language server: what an editor asks about an application, and the answers.

`Workspace` knows an application as the editor sees it, unsaved buffers included, and
checks what a change touches. The questions are functions over it, one file each:
``diagnostics``, ``hover``, ``completion``, ``navigation``, ``rename``, ``symbols``,
``signatures``. ``server`` alone speaks the protocol; it runs in a process of its own,
since its event loop is not Trio's. Neither the runtime nor the virtual machine is
needed, and nothing here raises for what a buffer holds.
"""

from __future__ import annotations

__all__: list[str] = []
