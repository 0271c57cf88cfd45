"""The checker of typed Lua, cut into chapters.

From the ground up: ``base`` (variables, facts, findings), ``access`` (fields and
elements), ``operators``, ``conditions`` (what a test proves), ``literals``
(constructors against expected types), ``arguments``, ``calls`` and ``specials``,
``functions``, ``targets`` and ``locals`` (assignments), ``statements`` and ``chunk``,
the whole source. ``survey`` says beforehand what is assigned where.

The door is ``wippy_trio.lang.check``.
"""
