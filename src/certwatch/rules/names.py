"""Names that people give: of organisations, keys, suppliers; and what addresses make of them."""

import re
import unicodedata

from certwatch.rules.errors import Refused

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST_SLUG = 60

# What Unicode does not take apart, or what is written in another way than by leaving the dots away.
_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "å": "aa", "ł": "l", "đ": "d",
     "ð": "d", "þ": "th", "ı": "i"}
)  # fmt: skip


def clean(name: str, what: str, longest: int) -> str:
    """`name` without outer white space and with single spaces inside. Raises `Refused` if it can be no name."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name:
        raise Refused(f"{what} must not be empty.")
    if len(name) > longest:
        raise Refused(f"{what} has at most {longest} characters; this has {len(name)}.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise Refused(f"{what} holds no control characters.")
    return name


def slug(name: str) -> str:
    """What stands for `name` in addresses: a-z, 0-9 and single dashes; "organisation" where nothing of it can."""
    text = unicodedata.normalize("NFC", name).casefold().translate(_LETTERS)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:LONGEST_SLUG].strip("-") or "organisation"


def numbered(slug: str, count: int) -> str:
    """`slug` with a number, still short enough."""
    end = f"-{count}"
    return slug[: LONGEST_SLUG - len(end)].rstrip("-") + end
