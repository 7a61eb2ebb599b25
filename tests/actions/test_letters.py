"""Mails and chat messages: all that is known, in the reader's language, and nothing that a stranger wrote as code."""

import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certwatch.actions import letters, unsubscribe
from certwatch.actions.kinds import KINDS
from certwatch.models import Certificate, ChangeType, Notice, Organisation, Purpose, Supplier, User
from certwatch.rules.notices import OPERATORS, Kind
from tests.actions.notices import alert
from tests.actions.told import HOLDER, NUMBER, SEEN, certificate, change, message, of_operator, run
from tests.conftest import NOON

OTHERS = (Kind.CHANNEL_FAILING, Kind.KEY_ENDING, Kind.TRIAL_ENDING, Kind.SOURCE_STALE, Kind.SOURCE_RECOVERED)
OF_CERTIFICATES = [kind for kind in Kind if kind not in (*OTHERS, *OPERATORS)]
BASE = "http://127.0.0.1:8000"


def html_of(mail: EmailMultiAlternatives) -> str:
    return str(mail.alternatives[0][0])


def text_in(html: str) -> str:
    """What a person sees of `html`."""
    seen = re.sub(r"<(style|title)[^>]*>.*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(seen).split())


def flat(mail: EmailMultiAlternatives) -> str:
    return " ".join(mail.body.split())


def assert_whole(mail: EmailMultiAlternatives) -> None:
    """No value is missing and nothing of a template is left."""
    for said in (str(mail.subject), str(mail.body), html_of(mail)):
        assert not re.search(r"\bNone\b|%\(|\{\{|\{%|<Key|Promise|__proxy__", said), said
    assert not re.search(r"\w +[.,:;]|, *,|\. *\.", f"{mail.subject} {mail.body}")
    assert "\n" not in mail.subject


def suspended(org: Organisation, **facts: Any) -> Notice:
    supplier = Supplier.across_orgs.create(
        org=org, name="Oderbruch Biodiesel", name_key="o", number="104882", created_at=NOON
    )
    of = certificate(
        org, word="suspended", since=date(2026, 11, 23), supplier=supplier, tags=["FAME", "Tender 2027"], **facts
    )
    return alert(org, Kind.SUSPENDED, of, change=change(of, "valid"))


def test_one_alert_is_the_mail_of_the_picture(nordmuehle: Organisation, anna: User) -> None:
    notice = suspended(nordmuehle)
    mail = letters.letter(message(nordmuehle, notice, to=anna), now=NOON)
    assert mail.subject == f"Suspended: {NUMBER}, {HOLDER}"
    assert mail.to == [anna.email]
    assert (
        mail.body
        == f"""SUSPENDED
{NUMBER}
Oderbruch Biodiesel GmbH, Letschin, Germany

The ISCC register lists this certificate as suspended since 23 Nov 2026.
Our check of 24 Nov 2026, 06:12 saw it first.

  Scheme       ISCC EU
  Was, is      Valid, now suspended
  Valid until  14 Mar 2027, if the suspension is lifted
  Supplier     Oderbruch Biodiesel, 104882. Tags: FAME, Tender 2027
  Source       ISCC, read on 24 Nov 2026, 06:12
  Next step    Hold deliveries under this certificate, or have the
               supplier name the newer one.

See the evidence, acknowledge:
{BASE}/o/nordmuehle/alerts/{notice.public_id}/

--
You get this because you are an admin of Nordmühle and no rule says
otherwise.
Rules: {BASE}/o/nordmuehle/admin/notifications/
The scheme’s own entry prevails.
"""
    )


def test_a_mail_has_a_lasting_id_and_says_that_no_person_wrote_it(nordmuehle: Organisation, anna: User) -> None:
    delivery = message(nordmuehle, suspended(nordmuehle), to=anna)
    first, again = (letters.letter(delivery, now=NOON + timedelta(days=n)) for n in (0, 1))
    assert first.extra_headers["Message-ID"] == again.extra_headers["Message-ID"]
    assert first.extra_headers == {
        "Message-ID": f"<{delivery.public_id}@127.0.0.1>", "Auto-Submitted": "auto-generated"
    }  # fmt: skip
    sent = first.message()
    assert sent.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in sent.get_payload()] == ["text/plain", "text/html"]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", OF_CERTIFICATES)
@pytest.mark.parametrize("by_hand", [False, True])
def test_each_kind_about_a_certificate_says_all_of_it(
    nordmuehle: Organisation, anna: User, kind: Kind, by_hand: bool
) -> None:
    of = certificate(nordmuehle, by_hand=by_hand)
    of_change = change(of, "suspended", kind=ChangeType.DATA, valid_until_was=date(2027, 6, 1), fields=["holder"])
    notice = alert(nordmuehle, kind, of, change=of_change, day=date(2026, 12, 1), stage=7)
    mail = letters.letter(message(nordmuehle, notice, to=anna), now=NOON)
    assert_whole(mail)
    step = " ".join(str(KINDS[kind].step).split())
    for said in (flat(mail), text_in(html_of(mail))):
        assert NUMBER in said
        assert HOLDER in said
        assert step in said
        assert "14 Mar 2027" in said
        assert ("Entered by hand" if by_hand else "ISCC, read on 24 Nov 2026, 06:12") in said
    assert mail.subject.startswith(f"{KINDS[kind].word}: {NUMBER}, {HOLDER}")
    assert f"/alerts/{notice.public_id}/" in mail.body
    assert f"/alerts/{notice.public_id}/" in html_of(mail)


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        (Kind.CHANNEL_FAILING, {"about": "Buying", "facts": {"over": "chat", "error": "It answered 404."}}, "404"),
        (Kind.CHANNEL_FAILING, {"about": "SAP", "facts": {"over": "webhook", "error": "410"}}, "Webhooks to SAP"),
        (Kind.KEY_ENDING, {"about": "SAP", "day": date(2026, 12, 1)}, "works until 1 Dec 2026"),
        (Kind.TRIAL_ENDING, {"day": date(2026, 12, 1)}, "trial ends on 1 Dec 2026"),
        (Kind.SOURCE_STALE, {"about": "iscc"}, "The ISCC register has not been read since 24 Nov 2026, 06:12"),
        (Kind.SOURCE_STALE, {"about": "iscc", "facts": {"since": "2026-11-21T05:00:00+00:00"}}, "21 Nov 2026, 06:00"),
        (Kind.SOURCE_RECOVERED, {"about": "iscc"}, "The ISCC register was read again."),
    ],
)
def test_each_kind_about_something_else_says_all_of_it(
    nordmuehle: Organisation, anna: User, kind: Kind, facts: dict[str, Any], expected: str
) -> None:
    certificate(nordmuehle)
    notice = alert(nordmuehle, kind, **facts)
    mail = letters.letter(message(nordmuehle, notice, to=anna), now=NOON)
    assert_whole(mail)
    for said in (flat(mail), text_in(html_of(mail))):
        assert expected in said
        assert str(KINDS[kind].step) in said
    assert f"/alerts/{notice.public_id}/" in mail.body


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        (Kind.RUN_HELD, {"about": "iscc", "facts": {"reasons": ["It lists 214 rows fewer."]}}, "214 rows fewer"),
        (
            Kind.SOURCE_FAILING,
            {"about": "iscc", "facts": {"error": "No answer within 30 s."}},
            "No answer within 30 s.",
        ),
        (Kind.DUTY_MISSED, {"about": "reminders"}, "The duty reminders has missed its time."),
        (Kind.SOURCE_STALE, {"about": "iscc"}, "ISCC register has not been read since"),
    ],
)
def test_the_operator_reads_english_at_his_address(
    db: None, settings: LazySettings, kind: Kind, facts: dict[str, Any], expected: str
) -> None:
    settings.OPERATOR_EMAIL = "watch@example.org"
    run()
    mail = letters.letter(message(None, of_operator(kind, **facts), purpose=Purpose.OPERATOR), now=NOON)
    assert mail.to == ["watch@example.org"]
    assert_whole(mail)
    assert expected in flat(mail)
    assert expected in text_in(html_of(mail))
    assert f"{BASE}/operator/" in mail.body


def test_what_differs_stands_as_old_and_new(nordmuehle: Organisation, anna: User) -> None:
    of = certificate(nordmuehle, until=date(2027, 1, 1))
    moved = change(of, "valid", kind=ChangeType.DATA, valid_until_was=date(2027, 3, 14), valid_until=date(2027, 1, 1))
    mail = letters.letter(message(nordmuehle, alert(nordmuehle, Kind.SHORTENED, of, change=moved), to=anna), now=NOON)
    assert "Was, is      14 Mar 2027, now 1 Jan 2027" in mail.body


def test_a_later_certificate_is_named_with_what_it_lacks(nordmuehle: Organisation, anna: User) -> None:
    of = certificate(nordmuehle, until=date(2026, 12, 1))
    later = certificate(nordmuehle, "EU-ISCC-Cert-DE100-12351907", predecessor=of)
    facts = {"missing": ["Trader"], "in_time": True, "successor": later.number}
    notice = alert(nordmuehle, Kind.EXPIRING, of, day=date(2026, 12, 1), stage=7, facts=facts)
    mail = letters.letter(message(nordmuehle, notice, to=anna), now=NOON)
    assert "Its last day is 1 Dec 2026, in 7 days." in flat(mail)
    assert f"A later certificate exists, {later.number}, but it lacks: Trader." in flat(mail)
    assert f"Newer one {later.number}, valid from 15 Mar 2026." in flat(mail)


HOSTILE = '<script>alert(1)</script> & "GmbH"\r\nBcc: thief@example.org'


def test_nothing_that_a_stranger_wrote_is_html_or_a_header(nordmuehle: Organisation, anna: User) -> None:
    nordmuehle.name = HOSTILE
    nordmuehle.save()
    of = certificate(nordmuehle, "2BS<b>1</b>\nX: y", holder=HOSTILE, place=HOSTILE, tags=[HOSTILE])
    notice = alert(
        nordmuehle, Kind.EXPIRING, of, day=date(2026, 12, 1), facts={"missing": [HOSTILE], "successor": "<i>"}
    )
    others = [alert(nordmuehle, Kind.KEY_ENDING, about=HOSTILE, day=date(2026, 12, 1)), notice]
    for delivery in (
        message(nordmuehle, notice, to=anna, why="rule", rule=HOSTILE),
        message(nordmuehle, *others, to=anna),
        message(
            nordmuehle, *others, to=anna, purpose=Purpose.DIGEST, facts={"day": "2026-11-24", "since": "2026-11-23"}
        ),
        message(nordmuehle, to=anna, purpose=Purpose.OPENED, facts={"day": "2026-11-24"}),
    ):
        mail = letters.letter(delivery, now=NOON)
        assert "<script" not in html_of(mail)
        assert "<b>" not in html_of(mail)
        assert "<i>" not in html_of(mail)
        sent = mail.message()
        assert sent["Bcc"] is None
        assert "\r" not in mail.body
        assert "X: y" not in mail.body.splitlines()


def test_the_reader_chooses_language_and_time_zone_else_the_organisation(nordmuehle: Organisation, anna: User) -> None:
    delivery = message(nordmuehle, suspended(nordmuehle), to=anna)
    nordmuehle.language = "de"
    nordmuehle.save()
    mail = letters.letter(delivery, now=NOON)
    assert 'lang="de"' in html_of(mail)
    assert "14. März 2027" in mail.body
    anna.language, anna.time_zone = "en", "America/New_York"
    anna.save()
    mail = letters.letter(delivery, now=NOON)
    assert 'lang="en"' in html_of(mail)
    assert "24 Nov 2026, 00:12" in mail.body


@pytest.mark.parametrize(
    ("why", "rule", "expected"),
    [
        ("rule", "FAME", "because of the rule “FAME” of Nordmühle"),
        ("deputy", "", "as a deputy: nobody has acknowledged it for 3 working days"),
        ("escalated", "", "nobody has acknowledged it for 7 working days"),
        ("nobody", "", "as an owner of Nordmühle: nobody else could be reached"),
    ],
)
def test_a_mail_says_why_one_gets_it(nordmuehle: Organisation, mia: User, why: str, rule: str, expected: str) -> None:
    mail = letters.letter(message(nordmuehle, suspended(nordmuehle), to=mia, why=why, rule=rule), now=NOON)
    assert expected in flat(mail)
    assert expected in text_in(html_of(mail))
    assert "admin/notifications" not in mail.body  # a member may not read that page


def test_a_repeat_says_that_it_is_one(nordmuehle: Organisation, anna: User) -> None:
    mail = letters.letter(message(nordmuehle, suspended(nordmuehle), to=anna, purpose=Purpose.REPEAT), now=NOON)
    assert "It is repeated every day until somebody acknowledges it." in flat(mail)


def many(org: Organisation, count: int, kind: Kind = Kind.SUSPENDED) -> list[Notice]:
    return [alert(org, kind, certificate(org, f"EU-ISCC-Cert-DE100-{n:08}"), batch="run:7") for n in range(count)]


def test_several_make_a_table_with_the_gravest_first(nordmuehle: Organisation, anna: User) -> None:
    suspended_ones = many(nordmuehle, 2)
    gone = alert(nordmuehle, Kind.NOT_FOUND, certificate(nordmuehle, "2BS012345"))
    mail = letters.letter(message(nordmuehle, gone, *suspended_ones, to=anna), now=NOON)
    assert_whole(mail)
    assert mail.subject == "3 alerts: Suspended 2, Not found any more 1"
    numbers = re.findall(r"EU-ISCC-Cert-DE100-\d{8}|2BS\d+", text_in(html_of(mail)))
    assert numbers == ["EU-ISCC-Cert-DE100-00000000", "EU-ISCC-Cert-DE100-00000001", "2BS012345"]
    for notice in (gone, *suspended_ones):
        assert f"/alerts/{notice.public_id}/" in html_of(mail)
    assert "2BS012345" in mail.body


def test_a_table_has_a_hundred_rows_then_a_link(nordmuehle: Organisation, anna: User) -> None:
    mail = letters.letter(message(nordmuehle, *many(nordmuehle, 103), to=anna), now=NOON)
    assert mail.subject == "103 alerts: Suspended 103"
    assert len(re.findall(r"DE100-\d{8}", str(mail.body))) == 100
    assert f"All 103 alerts: {BASE}/o/nordmuehle/alerts/" in mail.body
    assert "All 103 alerts" in html_of(mail)


def test_what_a_table_asks_does_not_grow_with_its_rows(nordmuehle: Organisation, anna: User) -> None:
    def queries(count: int) -> int:
        Certificate.across_orgs.all().delete()
        delivery = message(nordmuehle, *many(nordmuehle, count), to=anna)
        with CaptureQueriesContext(connection) as taken:
            letters.letter(delivery, now=NOON)
        return len(taken)

    assert queries(40) == queries(3)


def test_a_digest_can_be_turned_off_with_one_click_and_an_alert_cannot(nordmuehle: Organisation, anna: User) -> None:
    notice = suspended(nordmuehle)
    facts = {"day": "2026-11-24", "since": "2026-11-23"}
    digest = letters.letter(message(nordmuehle, notice, to=anna, purpose=Purpose.DIGEST, facts=facts), now=NOON)
    link = digest.extra_headers["List-Unsubscribe"].strip("<>")
    assert unsubscribe.read(link.removeprefix(f"{BASE}/unsubscribe/").strip("/")) == (anna, nordmuehle, "digest")
    assert digest.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in digest.body
    assert link in html_of(digest)
    assert "List-Unsubscribe" not in letters.letter(message(nordmuehle, notice, to=anna), now=NOON).extra_headers


def test_a_delivery_whose_notices_are_gone_is_no_letter(nordmuehle: Organisation, anna: User) -> None:
    with pytest.raises(letters.Unsendable):
        letters.letter(message(nordmuehle, to=anna), now=NOON)


def test_a_chat_gets_title_facts_and_link_and_calls_nobody(nordmuehle: Organisation) -> None:
    channel = nordmuehle.channels.create(name="Buying", scheme="slack", address="x", shown="s", created_at=NOON)
    of = certificate(nordmuehle, "2BS*1*", holder="@everyone [x](http://thief.example) <!here>", place="")
    notice = alert(nordmuehle, Kind.EXPIRED, of, day=date(2026, 11, 23))
    delivery = message(nordmuehle, notice, channel=channel, why="rule", rule="Chat")
    title, body = letters.chat(delivery, now=NOON)
    assert title.startswith("Expired: 2BS*1*")
    assert "Its last day was 23 Nov 2026." in body
    assert f"{BASE}/o/nordmuehle/alerts/{notice.public_id}/" in body
    assert "[x](" not in body
    several = message(nordmuehle, notice, suspended(nordmuehle), channel=channel, why="rule", rule="Chat")
    title, body = letters.chat(several, now=NOON)
    assert title == "2 alerts: Suspended 1, Expired 1"
    assert f"{NUMBER}, {HOLDER}" in body
    assert "@everyone" not in body
    assert "<!here>" not in body
    test = message(nordmuehle, channel=channel, purpose=Purpose.TEST)
    assert letters.chat(test, now=NOON) == ("Test of a channel", "Alerts of Certificate Watch will arrive here.")


def test_every_kind_has_its_own_words() -> None:
    assert set(KINDS) == set(Kind)
    assert len({str(of.word) for of in KINDS.values()}) == len(KINDS)
    assert SEEN < NOON
