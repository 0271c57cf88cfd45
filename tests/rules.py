"""List the numbered rules of the core that no test names: ``python tests/rules.py``.

``rules.txt`` holds the numbers, section by section. A rule counts as named if its
number stands anywhere in a test or in a conformance application; ranges such as
``M-15 to M-18`` count for both ends only.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
NUMBER = re.compile(r"\b(?:[A-Z]{1,4})-\d+[a-z]?\b")


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
        for pattern in ("**/*.py", "conformance/*/expected.txt", "conformance/**/*.lua")
        for path in HERE.glob(pattern)
        if path != Path(__file__)
    )
    return {number for text in texts for number in NUMBER.findall(text)}


def main() -> int:
    """Print the rules without a test, by section."""
    known, seen = rules(), named()
    missing = [rule for rule in known if rule not in seen]
    for section in sorted(set(known.values())):
        open_ones = [rule for rule in missing if known[rule] == section]
        every = sum(1 for other in known.values() if other == section)
        told = f"{every - len(open_ones):>3} of {every:>3} named"
        sys.stdout.write(f"{section:>2}  {told}  {' '.join(open_ones)}\n")
    sys.stdout.write(f"{len(known) - len(missing)} of {len(known)} rules named\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
