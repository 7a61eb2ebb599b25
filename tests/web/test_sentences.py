"""Every sentence that a row or a file can get has its place among the translatable ones."""

from datetime import date

import pytest
from django.utils import translation

from certwatch.actions import uploads
from certwatch.rules import belief, imports, layouts, numbers, schemes, sheets
from certwatch.rules.belief import Expect, Watched
from certwatch.rules.errors import Refused
from certwatch.rules.sheets import Row
from certwatch.rules.status import Status
from certwatch.web.sentences import SENTENCES, _patterns, spoken

PATTERNS = list(_patterns())


def known(sentence: str) -> bool:
    return any(pattern.fullmatch(sentence) for _, pattern in PATTERNS)


def why(do: object, *arguments: object) -> str:
    with pytest.raises(Refused) as refused:
        do(*arguments)  # type: ignore[operator]
    return str(refused.value)


def test_sentences_of_numbers_and_schemes() -> None:
    for text in ("", "x" * 201, "a\0b"):
        assert known(why(numbers.written, text))
    assert known(schemes.remark("EU-ISCC-Cert-1"))


def test_sentences_of_rows() -> None:
    row = Row(line=1, number="EU-ISCC-Cert-DE100-12345678", scheme="REDcert-EU", holder="A", status=Status.VALID)
    assert known(imports.contradiction(row))
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    row = Row(line=1, number="x", holder="A", status=Status.VALID, valid_from=first, valid_until=last)
    said = list(
        imports.differences(row, holder="B", status=Status.EXPIRED, valid_from=None, valid_until=date(2025, 1, 1))
    )
    assert len(said) == 4
    assert all(map(known, said))
    assert known(imports.why_not_by_hand(Row(line=1, number="x", dates_unclear=True)))
    assert known(
        imports.why_not_by_hand(Row(line=1, number="x", valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 1)))
    )
    text = "Number;valid until;status\n1;nonsense;nonsense\n"
    assert all(map(known, next(sheets.open_sheet(text.encode()).rows()).remarks))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x" * (sheets.LARGEST + 1), b"%PDF", b"\0", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b'Number;x\n1;"b\n',
        b"Number\n" + b"1\n" * (sheets.MOST_ROWS + 1),
    ],
    ids=["empty", "large", "pdf", "binary", "zip", "ole", "quote", "long"],
)  # fmt: skip
def test_sentences_of_files(data: bytes) -> None:
    assert known(why(layouts.look, data))


def test_sentences_of_runs() -> None:
    now, before = {"A": {"": 1000}, "": {"": 500}}, {"A": {"": 2000}, "": {"": 600}}
    said = belief.judge(
        now, before, valid=0, watched=Watched(known=2000, worse=1500), expect=Expect(at_least=5000),
        first_at_own_address=True, day=date(2026, 11, 24),
    )  # fmt: skip
    assert len(said) == 5
    assert all(map(known, said))
    with translation.override("de"):
        assert spoken(said[1]) == "Es führt 1.500 Einträge, vorher 2.600."


def test_days_statuses_and_numbers_are_said_in_the_readers_way() -> None:
    row = Row(line=1, number="x", status=Status.NOT_FOUND, valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31))
    said = list(
        imports.differences(row, holder="", status=Status.EXPIRED, valid_from=None, valid_until=date(2026, 11, 23))
    )
    assert [*map(spoken, said)] == [
        "Status: not found here, expired in the register.",
        "First day: 1 Jan 2026 here, none in the register.",
        "Last day: 31 Dec 2026 here, 23 Nov 2026 in the register.",
    ]
    with translation.override("de"):
        assert [*map(spoken, said)] == [
            "Status: hier nicht gefunden, im Register abgelaufen.",
            "Erster Tag: hier 1. Jan. 2026, im Register keiner.",
            "Letzter Tag: hier 31. Dez. 2026, im Register 23. Nov. 2026.",
        ]
        assert spoken(f"The file has more than {sheets.MOST_ROWS:,} rows. Divide it.").startswith(
            "Die Datei hat mehr als 50.000 Zeilen."
        )


def test_what_the_worker_says() -> None:
    assert uploads.STOPPED in SENTENCES
    assert spoken(uploads.STOPPED) == uploads.STOPPED
