"""`time`: moments, layouts and dates, as pure functions.

The calendar itself is :mod:`wippy_trio.expr`'s, since expressions have dates too.
"""
