"""HTTP: a server, routes to Lua functions, files, foreign ASGI applications.

`kinds` handles the entries; everything else is imported when a service starts or an
application is mounted, for httptools and wsproto are needed only then.
"""
