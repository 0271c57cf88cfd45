"""Every rule of the core that can be observed is named by a test."""

from __future__ import annotations

from tests.rules import UNTESTED, named, rules, untested


def test_every_rule_has_a_test() -> None:
    """A rule that loses its last test is told here."""
    assert untested() == []


def test_the_exceptions_are_rules_without_a_test() -> None:
    """An exception that got a test, or that is no rule, is taken off the list."""
    assert set(UNTESTED) <= set(rules())
    assert not set(UNTESTED) & named()
