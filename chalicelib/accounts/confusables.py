"""Which names look alike (UTS #39 §4): what may stand for one person only, however it is written.

The table is Unicode's, of confusables.txt beside this file. It changes with Unicode, so a skeleton decides whether
a name is still free, and never whose it is.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

from chalicelib.accounts import username as usernames


def skeletons(username: str) -> frozenset[str]:
    """What `username` has in common with every name that looks like it: as it is written, and in lower case.

    Both count, for case does not tell names apart: a capital I looks like an l, and is an i.
    """
    return frozenset({_skeleton(username), _skeleton(usernames.key(username))})


def _skeleton(name: str) -> str:
    seen = _prototypes(unicodedata.normalize("NFKC", _prototypes(name))).casefold()
    return re.sub(" +", " ", unicodedata.normalize("NFC", _prototypes(seen)))


def _prototypes(text: str) -> str:
    return unicodedata.normalize("NFD", text).translate(_table())


@cache
def _table() -> dict[int, str]:
    table: dict[int, str] = {}
    for line in Path(__file__).with_name("confusables.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            prototype, alike = ([int(each, 16) for each in side.split()] for side in line.split(";"))
            table.update(dict.fromkeys(alike, "".join(map(chr, prototype))))
    return table
