"""Whether two names can be the same company, however they are written: holder and supplier, holder and holder.

For a person to look at, never for matching: only here names are compared loosely (glossary, Folded name).
"""

import re
import unicodedata

from rapidfuzz import fuzz

ALIKE = 80  # of 100; spelling, order and what is left out differ in real pairs, rarely more

_LEGAL_FORMS = frozenset(
    re.findall(
        r"\w+",
        """ab ag as asa bv bvba co company cia corp corporation cv doo eg eirl ek ev gbr gesmbh gmbh inc incorporated
    kft kg kgaa lda limitada limited llc llp lp ltd ltda mbh nv ohg oao ooo oy oyj plc pt pte pty publ pvt sa sae sarl
    sas scop scrl sca sdn bhd se sia sl slu snc sp spa spk spzoo sprl srl srlu sro tbk uab ug und zoo zrt z o oo sau""",
    )
)


def differ(supplier: str, holder: str) -> bool:
    """Whether a person should look if these are two companies. Where one of them is not known nothing differs."""
    one, other = _words(supplier), _words(holder)
    if not one or not other or set(one) <= set(other) or set(other) <= set(one):
        return False
    return fuzz.token_set_ratio(" ".join(one), " ".join(other)) < ALIKE


def company(name: str) -> str:
    """The folded name of a company without its legal form at the end: who holds an older and a newer certificate.

    Letter case, white space and punctuation aside nothing else is forgiven: "Muster Öle GmbH" is "MUSTER ÖLE AG", and
    "Muster Öle Nord GmbH" is another.
    """
    words = re.findall(r"\w+", re.sub(r"(?<=\w)\.(?=\w)|\.", "", unicodedata.normalize("NFC", name).casefold()))
    end = len(words)
    while end > 1 and words[end - 1] in _LEGAL_FORMS:
        end -= 1
    return "".join(words[:end]).replace("_", "")


def _words(name: str) -> list[str]:
    """The words of a name that tell, without legal forms, dots and accents; all of them if there is nothing else."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("ß", "ss"))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = re.sub(r"([aou])e", r"\1", plain)  # Mueller is Müller
    words = re.findall(r"\w+", re.sub(r"(?<=\w)\.(?=\w)|\.", "", plain))
    return [word for word in words if word not in _LEGAL_FORMS] or words
