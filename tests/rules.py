"""List the numbered rules of the core that no test names: ``python tests/rules.py``.

``rules.txt`` holds the numbers, section by section. A rule counts as named if its
number stands in the code of a test, in the Lua text of a check, or in a conformance
application; ranges such as ``M-15 to M-18`` count for both ends only. `UNTESTED`
holds those that no program can observe here, each with the reason. A test
(``tests/test_rules.py``) fails when a rule loses its last mention.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
NUMBER = re.compile(r"\b(?:[A-Z]{1,4})-\d+[a-z]?\b")
PLACES = (
    "**/*.py",
    "core/*.lua",
    "conformance/*/expected.txt",
    "conformance/**/*.lua",
)

UNTESTED = {
    "P-122": "no code runs outside a process context",
    "X-6": "no code runs without a host context",
    "N-21": "there is no cluster in this version; N-20 says what registering gives",
    "L-25": "there are no remote nodes in this version",
    "STD-31": "the runtime always configures a log; eval_runner has its own tests",
}
"""Rules that nothing here can observe, and why."""


def rules() -> dict[str, int]:
    """Read which rules there are, each with its section."""
    found: dict[str, int] = {}
    section = 0
    for word in (HERE / "rules.txt").read_text("utf-8").split():
        if word.endswith(":"):
            section = int(word[:-1])
        else:
            found[word] = section
    return found


def named() -> set[str]:
    """Collect the numbers that tests name."""
    texts = (
        path.read_text("utf-8")
        for pattern in PLACES
        for path in HERE.glob(pattern)
        if path != Path(__file__)
    )
    return {number for text in texts for number in NUMBER.findall(text)}


def untested() -> list[str]:
    """Give the rules that no test names and that could be observed."""
    seen = named()
    return [rule for rule in rules() if rule not in seen and rule not in UNTESTED]


def main() -> int:
    """Print the rules without a test, by section."""
    known, missing = rules(), untested()
    for section in sorted(set(known.values())):
        open_ones = [rule for rule in missing if known[rule] == section]
        every = sum(1 for other in known.values() if other == section)
        told = f"{every - len(open_ones):>3} of {every:>3}"
        sys.stdout.write(f"{section:>2}  {told}  {' '.join(open_ones)}\n")
    for rule, reason in UNTESTED.items():
        sys.stdout.write(f"    {rule}: {reason}\n")
    sys.stdout.write(f"{len(known) - len(missing)} of {len(known)} rules\n")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
