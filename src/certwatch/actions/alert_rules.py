"""Alert rules: who is told what, and how soon (alerts.md, Rules). What a rule means is `rules.routing`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audience, audit
from certwatch.models import AlertRule, Channel, Notice, Organisation, Role, Supplier, User, When
from certwatch.rules import names, routing
from certwatch.rules.errors import Refused
from certwatch.rules.notices import EVENTS_ONLY, OPERATORS, Kind, Severity

MOST_RULES = 100  # each notice is held against every rule
MOST_NAMED = 50  # schemes, tags or suppliers of one rule
LONGEST_SCHEME, LONGEST_TAG = 60, 100
PREVIEWED = timedelta(days=30)  # how far back a preview looks,
MOST_PREVIEWED = 5_000  # … and at how many alerts
KINDS = tuple(kind for kind in Kind if kind not in EVENTS_ONLY and kind not in OPERATORS)  # what people can be told
SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.INFORMATION)


@dataclass(frozen=True, slots=True)
class Said:
    """A rule as it is to stand. Empty lists of what it is about mean any; empty lists of recipients mean nobody."""

    name: str
    kinds: Sequence[str] = ()
    least: str = Severity.INFORMATION
    schemes: Sequence[str] = ()
    tags: Sequence[str] = ()
    suppliers: Sequence[Supplier] = ()
    members: Sequence[User] = ()
    roles: Sequence[str] = ()
    responsible: bool = False
    channels: Sequence[Channel] = ()
    when: str = When.AT_ONCE


@transaction.atomic
def save(
    org: Organisation, rule: AlertRule | None, said: Said, *, by: User, now: datetime, address: str | None = None
) -> AlertRule:
    """Make a rule, or put `said` in place of what stood there. Raises `Refused` for what no rule can be about."""
    Organisation.objects.select_for_update(no_key=True).get(pk=org.pk)  # so that two at once do not make one too many
    name = names.clean(said.name, _("The name"), 100)
    _check(org, said, now)
    if rule is None and org.alert_rules.count() >= MOST_RULES:
        raise Refused(_("There are %(most)s rules, the most there can be. Remove one first.") % {"most": MOST_RULES})
    before = as_it_stands(rule) if rule else {}
    rule = rule or AlertRule(org=org, created_at=now)
    rule.name, rule.least, rule.when, rule.responsible = name, said.least, said.when, said.responsible
    rule.kinds = [kind for kind in KINDS if kind in said.kinds]
    rule.schemes, rule.tags = _each_once(said.schemes), _each_once(said.tags)
    rule.roles = [role.value for role in Role if role in said.roles]
    rule.save()
    rule.suppliers.set(said.suppliers)
    rule.members.set(said.members)
    rule.channels.set(said.channels)
    after = as_it_stands(rule)
    if not before:
        _note(rule, "rule.created", by, now, address, **after)
    elif changed := {field: [was, after[field]] for field, was in before.items() if after[field] != was}:
        _note(rule, "rule.changed", by, now, address, changed=changed)
    return rule


@transaction.atomic
def switch(rule: AlertRule, *, on: bool, by: User, now: datetime, address: str | None = None) -> bool:
    """Let the rule count, or not; False if it did so before."""
    if not rule.org.alert_rules.filter(pk=rule.pk, on=not on).update(on=on):
        return False
    rule.on = on
    _note(rule, "rule.switched_on" if on else "rule.switched_off", by, now, address)
    return True


@transaction.atomic
def remove(rule: AlertRule, *, by: User, now: datetime, address: str | None = None) -> None:
    """What it has told stays told; alerts keep its name."""
    _note(rule, "rule.removed", by, now, address, **as_it_stands(rule))
    rule.delete()


def fitting(org: Organisation, said: Said, *, now: datetime) -> tuple[list[Notice], bool]:
    """The alerts of the last 30 days that such a rule would have told, the newest first; whether more were not
    looked at."""
    late = org.notices.filter(made_at__gte=now - PREVIEWED).select_related("certificate__supplier").order_by("-id")
    notices = list(late[: MOST_PREVIEWED + 1])
    rule = routing.Rule(
        pk=0,
        name="",
        kinds=said.kinds,
        least=said.least,
        schemes=said.schemes,
        tags=said.tags,
        suppliers=[supplier.pk for supplier in said.suppliers],
    )
    found = [notice for notice in notices[:MOST_PREVIEWED] if routing.fits(rule, audience.facts_of(notice))]
    return found, len(notices) > MOST_PREVIEWED


def tells_anybody(rule: AlertRule) -> bool:
    """False where it names nobody: what fits it is told to nobody, on purpose."""
    return bool(rule.roles or rule.responsible or rule.members.all() or rule.channels.all())


def as_it_stands(rule: AlertRule) -> dict[str, Any]:
    """The rule in words that the audit log keeps: names, never an address of a channel."""
    return {
        "name": rule.name,
        "kinds": rule.kinds,
        "least": str(rule.least),
        "schemes": rule.schemes,
        "tags": rule.tags,
        "suppliers": sorted(rule.suppliers.values_list("name", flat=True)),
        "members": sorted(rule.members.values_list("email", flat=True)),
        "roles": rule.roles,
        "responsible": rule.responsible,
        "channels": sorted(rule.channels.values_list("name", flat=True)),
        "when": str(rule.when),
    }


def _check(org: Organisation, said: Said, now: datetime) -> None:
    if unknown := [kind for kind in said.kinds if kind not in KINDS]:
        raise Refused(_("There is no kind of alert called “%(kind)s”.") % {"kind": unknown[0]})
    if said.least not in SEVERITIES:
        raise Refused(_("There is no severity called “%(severity)s”.") % {"severity": said.least})
    if unknown := [role for role in said.roles if role not in Role.values]:
        raise Refused(_("There is no role called “%(role)s”.") % {"role": unknown[0]})
    if said.when not in When.values:
        raise Refused(_("A rule tells at once or in the digest."))
    _check_texts(said.schemes, LONGEST_SCHEME)
    _check_texts(said.tags, LONGEST_TAG)
    if len(said.suppliers) > MOST_NAMED:
        raise Refused(_("%(most)s of them at most.") % {"most": MOST_NAMED})
    members = {member.user_id for member in org.memberships.select_related("org") if not member.has_ended(now)}
    if strangers := [user for user in said.members if user.pk not in members]:
        raise Refused(_("%(name)s is no member here. Invite first.") % {"name": strangers[0]})
    if any(supplier.org_id != org.pk for supplier in said.suppliers):
        raise Refused(_("This supplier is not one of yours."))
    if any(channel.org_id != org.pk or not channel.address for channel in said.channels):
        raise Refused(_("This channel is not one of yours."))
    if said.channels and said.when == When.DIGEST:
        raise Refused(_("A channel has no digest. Choose “At once”, or leave the channel out."))


def _check_texts(texts: Sequence[str], longest: int) -> None:
    if len(texts) > MOST_NAMED:
        raise Refused(_("%(most)s of them at most.") % {"most": MOST_NAMED})
    if long := [text for text in texts if len(text) > longest]:
        limits = {"text": long[0][:40], "longest": longest}
        raise Refused(_("“%(text)s…” has more than %(longest)s characters.") % limits)


def _each_once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _note(rule: AlertRule, action: str, by: User, now: datetime, address: str | None, **details: Any) -> None:
    audit.note(rule.org, action, about=rule.name, about_id=rule.public_id, by=by, now=now, address=address, **details)
