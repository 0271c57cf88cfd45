"""SQL databases: ``db.sql.sqlite``, ``db.sql.postgres``, ``db.sql.mysql``.

`kinds` has the handler, `settings` reads an entry, `pool` is the service with its
connections; `sqlite`, `postgres` and `mysql` know one engine each and import its driver
when a connection is opened.
"""
