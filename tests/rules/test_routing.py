"""Who hears of a notice: each once, at the sooner time, and never nobody by mistake."""

from dataclasses import replace

import pytest

from certwatch.rules.notices import Kind, Severity
from certwatch.rules.routing import (
    AT_ONCE,
    DIGEST,
    Facts,
    Member,
    Rule,
    Told,
    Why,
    deputies_of,
    fits,
    leading,
    recipients,
)

OTTO, ANNA, MIA, BEN = (
    Member(1, "owner"),
    Member(2, "admin"),
    Member(3, "member"),
    Member(4, "auditor"),
)
ALL = (OTTO, ANNA, MIA, BEN)
SLACK, TEAMS = 7, 8
SUSPENDED = Facts(Kind.SUSPENDED, Severity.CRITICAL, ("ISCC EU",), ("FAME", "Tender 2027"), supplier=5, responsible=3)
EXPIRING = replace(SUSPENDED, kind=Kind.EXPIRING, severity=Severity.WARNING)
KEY_ENDING = Facts(Kind.KEY_ENDING, Severity.WARNING)


def whom(told: tuple[Told, ...]) -> set[tuple[int | None, int | None, str]]:
    return {(one.user, one.channel, one.when) for one in told}


@pytest.mark.parametrize(
    ("rule", "facts", "expected"),
    [
        (Rule(1, "all"), SUSPENDED, True),
        (Rule(1, "all"), KEY_ENDING, True),
        (Rule(1, "off", on=False), SUSPENDED, False),
        (Rule(1, "kind", kinds=["suspended", "withdrawn"]), SUSPENDED, True),
        (Rule(1, "kind", kinds=["withdrawn"]), SUSPENDED, False),
        (Rule(1, "least", least="critical"), SUSPENDED, True),
        (Rule(1, "least", least="critical"), EXPIRING, False),
        (Rule(1, "least", least="warning"), EXPIRING, True),
        (Rule(1, "least", least="warning"), Facts(Kind.LIFTED, Severity.INFORMATION), False),
        (Rule(1, "scheme", schemes=["REDcert-EU", "ISCC EU"]), SUSPENDED, True),
        (Rule(1, "scheme", schemes=["REDcert-EU"]), SUSPENDED, False),
        (Rule(1, "scheme", schemes=["ISCC EU"]), KEY_ENDING, False),
        (Rule(1, "tag", tags=["fame"]), SUSPENDED, True),
        (Rule(1, "tag", tags=["HVO"]), SUSPENDED, False),
        (Rule(1, "supplier", suppliers=[5, 6]), SUSPENDED, True),
        (Rule(1, "supplier", suppliers=[6]), SUSPENDED, False),
        (Rule(1, "supplier", suppliers=[6]), KEY_ENDING, False),
        (Rule(1, "both", tags=["FAME"], schemes=["2BSvs"]), SUSPENDED, False),  # one value of each field
        (Rule(1, "operator"), Facts(Kind.RUN_HELD, Severity.OPERATOR), False),
    ],
)
def test_one_value_of_each_field_must_fit(rule: Rule, facts: Facts, expected: bool) -> None:
    assert fits(rule, facts) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (SUSPENDED, {(1, None, AT_ONCE), (2, None, AT_ONCE)}),
        (EXPIRING, {(1, None, DIGEST), (2, None, DIGEST)}),
        (Facts(Kind.LIFTED, Severity.INFORMATION), {(1, None, DIGEST), (2, None, DIGEST)}),
        (Facts(Kind.RUN_HELD, Severity.OPERATOR), set()),
    ],
)
def test_without_rules_owners_and_admins_get_critical_ones_at_once_and_the_rest_in_their_digest(
    facts: Facts, expected: set[object]
) -> None:
    answer = recipients(facts, [], ALL)
    assert whom(answer.told) == expected
    assert {one.why for one in answer.told} <= {Why.DEFAULT}
    assert not answer.nobody


def test_what_a_rule_does_not_fit_is_told_as_without_rules() -> None:
    other = Rule(1, "REDcert", schemes=["REDcert-EU"], members=[3])
    assert whom(recipients(SUSPENDED, [other], ALL).told) == {(1, None, AT_ONCE), (2, None, AT_ONCE)}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(1, "members", members=[3, 4]), {(3, None, AT_ONCE), (4, None, AT_ONCE)}),
        (Rule(1, "roles", roles=["auditor"]), {(4, None, AT_ONCE)}),
        (Rule(1, "responsible", responsible=True), {(3, None, AT_ONCE)}),
        (Rule(1, "channels", channels=[SLACK, 99]), {(None, SLACK, AT_ONCE)}),  # 99: off, or gone
        (Rule(1, "all", members=[3], roles=["member"], responsible=True), {(3, None, AT_ONCE)}),
        (Rule(1, "digest", members=[3], channels=[TEAMS], when=DIGEST), {(3, None, DIGEST), (None, TEAMS, DIGEST)}),
    ],
)
def test_a_rule_tells_those_whom_it_names(rule: Rule, expected: set[object]) -> None:
    answer = recipients(SUSPENDED, [rule], ALL, [SLACK, TEAMS])
    assert whom(answer.told) == expected
    assert {(one.why, one.rule, one.rule_name) for one in answer.told} == {(Why.RULE, 1, rule.name)}


def test_of_several_rules_each_is_told_once_at_the_sooner_time_by_the_rule_that_says_so() -> None:
    late = Rule(1, "late", members=[3], roles=["auditor"], when=DIGEST)
    soon = Rule(2, "soon", members=[3])
    told = recipients(SUSPENDED, [late, soon], ALL).told
    assert {(one.user, one.when, one.rule_name) for one in told} == {(3, AT_ONCE, "soon"), (4, DIGEST, "late")}
    assert recipients(SUSPENDED, [soon, late], ALL).told[0].rule_name == "soon"


def test_a_rule_without_recipients_tells_nobody_on_purpose() -> None:
    answer = recipients(SUSPENDED, [Rule(1, "quiet")], ALL)
    assert answer.told == ()
    assert not answer.nobody


def test_who_is_no_member_any_more_is_not_told_and_then_the_owners_are() -> None:
    answer = recipients(SUSPENDED, [Rule(1, "gone", members=[42])], ALL)
    assert answer.nobody
    assert [(one.user, one.why) for one in answer.told] == [(1, Why.NOBODY)]


def test_with_nobody_responsible_the_owners_are_told_that_nobody_was() -> None:
    answer = recipients(replace(SUSPENDED, responsible=None), [Rule(1, "mine", responsible=True)], ALL)
    assert answer.nobody
    assert whom(answer.told) == {(1, None, AT_ONCE)}


def test_who_cannot_be_reached_is_named_and_the_owners_are_told() -> None:
    mia = replace(MIA, reachable=False)
    answer = recipients(SUSPENDED, [Rule(1, "Mia", members=[3])], [OTTO, ANNA, mia])
    assert answer.nobody
    assert [(one.user, one.reachable, one.why) for one in answer.told] == [(3, False, Why.RULE), (1, True, Why.NOBODY)]


def test_one_who_can_be_reached_is_enough() -> None:
    answer = recipients(SUSPENDED, [], [OTTO, replace(ANNA, reachable=False)])
    assert not answer.nobody
    assert whom(answer.told) == {(1, None, AT_ONCE), (2, None, AT_ONCE)}


def test_an_owner_who_cannot_be_reached_either_stands_once() -> None:
    answer = recipients(SUSPENDED, [], [replace(OTTO, reachable=False)])
    assert answer.nobody
    assert [one.user for one in answer.told] == [1]


def test_a_failing_channel_is_told_over_another_one() -> None:
    facts = Facts(Kind.CHANNEL_FAILING, Severity.CRITICAL, failing_channel=SLACK)
    both = Rule(1, "chat", channels=[SLACK, TEAMS])
    assert whom(recipients(facts, [both], ALL, [SLACK, TEAMS]).told) == {(None, TEAMS, AT_ONCE)}
    only = recipients(facts, [replace(both, channels=[SLACK])], ALL, [SLACK, TEAMS])
    assert only.nobody
    assert whom(only.told) == {(1, None, AT_ONCE), (None, TEAMS, AT_ONCE)}


def test_deputies_are_those_who_were_named_else_the_admins() -> None:
    mia = replace(MIA, deputy=4)
    assert deputies_of([3], [OTTO, ANNA, mia, BEN]) == [4]
    assert deputies_of([3], ALL) == [2]
    assert deputies_of([1, 2], ALL) == []  # the only admin was told already
    assert deputies_of([3], [OTTO, ANNA, replace(MIA, deputy=42)]) == [2]  # who has left stands in for nobody
    assert leading(ALL) == [1, 2]
