"""Who hears of a notice, how soon and why (alerts.md, Rules). Pure: what is known of rules and people comes in."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from certwatch.rules.notices import Kind, Severity

AT_ONCE, DIGEST = "at_once", "digest"  # the sooner one first
LEADING = ("owner", "admin")  # roles that hear of what no rule fits
_GRAVITY = {Severity.CRITICAL: 2, Severity.WARNING: 1, Severity.INFORMATION: 0}


class Why(StrEnum):
    """Why somebody is told."""

    RULE = "rule"
    DEFAULT = "default"  # no rule fits, and he is an owner or admin
    DEPUTY = "deputy"  # nobody acknowledged a critical one for three working days
    ESCALATED = "escalated"  # … for seven
    NOBODY = "nobody"  # an owner, since nobody else could be reached


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule asks of a notice. `schemes`: of a certificate its own, of a source all of the source's."""

    kind: Kind
    severity: Severity
    schemes: Collection[str] = ()
    tags: Collection[str] = ()
    supplier: int | None = None
    responsible: int | None = None  # the certificate's person, else the supplier's
    failing_channel: int | None = None  # of `channel_failing`: told over another one


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it stands. Empty lists of what it is about mean any; empty recipients mean nobody, on purpose."""

    pk: int
    name: str
    kinds: Collection[str] = ()
    least: str = Severity.INFORMATION
    schemes: Collection[str] = ()
    tags: Collection[str] = ()
    suppliers: Collection[int] = ()
    members: Collection[int] = ()
    roles: Collection[str] = ()
    responsible: bool = False
    channels: Collection[int] = ()
    when: str = AT_ONCE
    on: bool = True

    @property
    def silent(self) -> bool:
        """It names nobody: what fits it is told to nobody, on purpose."""
        return not (self.members or self.roles or self.responsible or self.channels)


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the organisation whose access has not ended. `reachable`: has a confirmed address that works."""

    user: int
    role: str
    reachable: bool = True
    deputy: int | None = None


class Told(NamedTuple):
    """A recipient: a person or a channel."""

    user: int | None
    channel: int | None
    when: str
    why: Why
    rule: int | None = None
    rule_name: str = ""
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who hears of a notice. `nobody`: somebody should, but nobody can be reached; then the owners are among `told`."""

    told: tuple[Told, ...] = ()
    nobody: bool = False
    rules: tuple[Rule, ...] = field(default=())  # that fit


def fits(rule: Rule, facts: Facts) -> bool:
    """Whether `rule` is on and about such a notice. The operator's are nobody else's."""
    if not rule.on or facts.severity == Severity.OPERATOR:
        return False
    return (
        (not rule.kinds or facts.kind in rule.kinds)
        and _GRAVITY[facts.severity] >= _GRAVITY[Severity(rule.least)]
        and (not rule.schemes or bool(set(rule.schemes) & set(facts.schemes)))
        and (not rule.tags or bool(_folded(rule.tags) & _folded(facts.tags)))
        and (not rule.suppliers or facts.supplier in rule.suppliers)
    )


def recipients(
    facts: Facts, rules: Iterable[Rule], members: Sequence[Member], channels: Collection[int] = ()
) -> Recipients:
    """Who hears of it: each once, at the sooner time, by the first rule that says so. `channels`: those that are on."""
    if facts.severity == Severity.OPERATOR:
        return Recipients()
    fitting = tuple(rule for rule in rules if fits(rule, facts))
    people = {member.user: member for member in members}
    over = [channel for channel in channels if channel != facts.failing_channel]
    found = list(_by_rules(fitting, facts, people, over) if fitting else _by_default(facts, members))
    told = _each_once(found)
    on_purpose = bool(fitting) and all(rule.silent for rule in fitting)
    nobody = not on_purpose and not any(one.reachable for one in told)
    if nobody:
        told += [one for one in _if_nobody(facts, members, over) if not _among(one, told)]
    return Recipients(tuple(told), nobody, fitting)


def deputies_of(users: Iterable[int], members: Sequence[Member]) -> list[int]:
    """Whom those who did not act have named, else the admins; nobody twice, nobody of `users`."""
    people = {member.user: member for member in members}
    asked = [user for user in users if user in people]
    found: list[int] = []
    for user in asked:
        deputy = people[user].deputy
        found += [deputy] if deputy in people else [m.user for m in members if m.role == "admin"]
    return [user for user in dict.fromkeys(found) if user not in asked]


def leading(members: Sequence[Member]) -> list[int]:
    """Owners and admins."""
    return [member.user for member in members if member.role in LEADING]


def _by_rules(
    fitting: Sequence[Rule], facts: Facts, people: dict[int, Member], channels: Collection[int]
) -> Iterator[Told]:
    for rule in fitting:
        by_rule = partial(Told, when=rule.when, why=Why.RULE, rule=rule.pk, rule_name=rule.name)
        for member in people.values():
            named = member.user in rule.members or member.role in rule.roles
            if named or (rule.responsible and member.user == facts.responsible):
                yield by_rule(member.user, None, reachable=member.reachable)
        for channel in channels:
            if channel in rule.channels:
                yield by_rule(None, channel)


def _by_default(facts: Facts, members: Sequence[Member]) -> Iterator[Told]:
    when = AT_ONCE if facts.severity == Severity.CRITICAL else DIGEST
    for member in members:
        if member.role in LEADING:
            yield Told(member.user, None, when, Why.DEFAULT, reachable=member.reachable)


def _if_nobody(facts: Facts, members: Sequence[Member], channels: Collection[int]) -> Iterator[Told]:
    for member in members:
        if member.role == "owner":
            yield Told(member.user, None, AT_ONCE, Why.NOBODY, reachable=member.reachable)
    if facts.kind == Kind.CHANNEL_FAILING:  # mail may be what fails
        for channel in channels:
            yield Told(None, channel, AT_ONCE, Why.NOBODY)


def _each_once(found: Iterable[Told]) -> list[Told]:
    best: dict[tuple[int | None, int | None], Told] = {}
    for one in found:
        known = best.get((one.user, one.channel))
        if known is None or (known.when != AT_ONCE and one.when == AT_ONCE):
            best[one.user, one.channel] = one
    return list(best.values())


def _among(one: Told, told: Sequence[Told]) -> bool:
    return any((one.user, one.channel) == (other.user, other.channel) for other in told)


def _folded(tags: Iterable[str]) -> set[str]:
    return {tag.casefold() for tag in tags}
