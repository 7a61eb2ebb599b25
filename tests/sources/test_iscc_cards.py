"""What stands on one card of ISCC's list."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from certwatch.rules.findings import Suspension, gather
from tests.sources.test_iscc import LABELS, Iscc, card, many, one, read_all


@pytest.mark.parametrize("dash", [" – ", "–", " - ", " — ", "−", " ‑ ", " ", "\n", "<br>–<br>", "\u00a0–\u00a0"])
def test_the_two_days_may_be_parted_by_any_dash_or_none(dash: str) -> None:
    finding, ctx = one(card(validity=f"01.03.26{dash}28.02.27"))
    assert (finding.valid_from, finding.valid_until) == (date(2026, 3, 1), date(2027, 2, 28))
    assert ctx.problems == []


@given(st.text(alphabet="0123456789.–- abc", max_size=24))
def test_no_text_in_place_of_days_is_lost_or_breaks_a_card(text: str) -> None:
    finding, ctx = one(card(validity=text))
    assert finding.number == "EU-ISCC-Cert-DE999-1"
    assert (finding.valid_from is not None and finding.valid_until is not None) or ctx.problem_count == 1


@given(
    st.dates(date(2000, 1, 1), date(2068, 12, 31)),
    st.dates(date(2000, 1, 1), date(2068, 12, 31)),
    st.sampled_from(["%d.%m.%y", "%d.%m.%Y"]),
)
def test_every_period_is_read_as_written(first: date, last: date, form: str) -> None:
    finding, ctx = one(card(validity=f"{first.strftime(form)} – {last.strftime(form)}"))
    assert (finding.valid_from, finding.valid_until, ctx.problems) == (first, last, [])


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        ("21.04.26 – 01.06.26", [Suspension(date(2026, 4, 21), date(2026, 6, 1))], 0),
        ("21.04.26 –", [Suspension(date(2026, 4, 21), None)], 0),
        ("21.04.26", [Suspension(date(2026, 4, 21), None)], 0),
        ("21.04.26<br>–<br/>01.06.26", [Suspension(date(2026, 4, 21), date(2026, 6, 1))], 0),
        ("– 01.06.26", [Suspension(None, date(2026, 6, 1))], 1),
        ("31.04.26 – 01.06.26", [Suspension(None, date(2026, 6, 1))], 1),
        ("soon", [], 1),
        ("", [], 0),
    ],
)
def test_a_suspension_may_be_open_at_its_end(text: str, expected: list[Suspension], problems: int) -> None:
    finding, ctx = one(card(suspended=text), "suspended")
    assert finding.suspensions == expected
    assert ctx.problem_count == problems


@pytest.mark.parametrize(
    ("holder", "address", "expected"),
    [
        ("C&amp;D (HAINAN) CO., LTD,  Haikou, China", "", ("C&D (HAINAN) CO., LTD", "Haikou, China")),
        ("Muster GmbH,  , Germany", "", ("Muster GmbH", "Germany")),
        (
            "Muster,  Sohn &amp; Co.,  Bern, CH",
            "Muster, Sohn &amp; Co., Gasse 1, Bern, CH",
            ("Muster, Sohn & Co.", "Bern, CH"),
        ),
        ("Muster GmbH,  Bern,  CH", "Muster GmbH, Gasse 1, 3000 Bern, CH", ("Muster GmbH", "Bern, CH")),
        ("UAB \\,  Vilnius, Lithuania", "UAB \\, Vilnius", ("UAB \\", "Vilnius, Lithuania")),
        ("¶  Muster   AG,  Bern, CH", "", ("¶ Muster AG", "Bern, CH")),
        ("Muster &#0;AG\x00,  Bern, CH", "", ("Muster \ufffdAG", "Bern, CH")),
    ],
)
def test_holder_and_place_are_parted_at_the_two_spaces(holder: str, address: str, expected: tuple[str, str]) -> None:
    finding, ctx = one(card(holder=holder, address=address))
    assert (finding.holder, finding.place) == expected
    assert ctx.problems == []


@pytest.mark.parametrize(("holder", "address"), [("Muster GmbH", ""), ("Muster Co., Ltd", "Muster Co., Ltd")])
def test_a_holder_without_a_place_is_no_problem(httpserver: HTTPServer, holder: str, address: str) -> None:
    findings, ctx = read_all(Iscc(httpserver, valid=[many(12, holder=holder, address=address)]))
    assert {(f.holder, f.place) for f in findings} == {(holder, "")}
    assert ctx.problems == []


def test_a_holder_without_the_two_spaces_is_kept_whole_and_reported() -> None:
    finding, ctx = one(card(holder="Muster GmbH, Bern, CH"))
    assert (finding.holder, finding.place, ctx.problem_count) == ("Muster GmbH, Bern, CH", "", 1)


@given(st.text())
def test_no_holder_breaks_a_card(text: str) -> None:
    finding, _ = one(card(holder=text.replace("<", "&lt;").replace("&", "&amp;")))
    json.dumps(finding.row).encode()
    finding.holder.encode()


def test_a_certifier_may_be_told_in_full_by_its_title() -> None:
    labels = {**LABELS, "Issuing CB": '<span class="has-tip" title="EuroCert SA, Athens, GR">EuroCert</span>'}
    finding, _ = one(card(labels=labels))
    assert finding.certifier == "EuroCert SA, Athens, GR"
    assert finding.details["Issuing CB"] == "EuroCert"


@pytest.mark.parametrize("nothing", ["-", "–", "", " "])
def test_a_dash_or_nothing_is_empty(nothing: str) -> None:
    finding, ctx = one(card(labels={**LABELS, "Scope": nothing, "Issuing CB": nothing}))
    assert (finding.scopes, finding.certifier, finding.details) == ([], "", {})
    assert ctx.problems == []


def test_lists_are_parted_at_commas_outside_brackets() -> None:
    finding, _ = one(
        card(labels={**LABELS, "Raw Material": "UCO (used, cooked), AF 1", "Scope": "Trader, Farm / Plantation"})
    )
    assert finding.materials == ["UCO (used, cooked)", "AF 1"]
    assert finding.scopes == ["Trader", "Farm / Plantation"]


def test_links_are_evidence_and_no_news() -> None:
    link = '<a class="custom-button" href="https://hub.example/{}">\n Certificate \n</a></div>'
    one_, other = (one(card().removesuffix("</div>") + link.format(n))[0] for n in (1, 2))
    assert one_.row["links"] == {"Certificate": "https://hub.example/1"}
    digests = {reading.digest() for f in (one_, other) for reading in gather([f], date(2026, 11, 24)).values()}
    assert len(digests) == 1


# Search
