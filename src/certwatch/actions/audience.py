"""Who can be told in an organisation: its rules, people and channels, as `rules.routing` wants to know them."""

from dataclasses import dataclass
from datetime import datetime

from allauth.account.models import EmailAddress

from certwatch.models import AlertRule, Channel, Notice, Organisation, User
from certwatch.rules import routing
from certwatch.rules.notices import Kind, Severity
from certwatch.sources import SOURCES


@dataclass(frozen=True, slots=True)
class Audience:
    """All of one organisation, read once for many notices: seven queries."""

    org: Organisation
    rules: tuple[routing.Rule, ...]
    members: tuple[routing.Member, ...]  # whose access has not ended
    users: dict[int, User]
    confirmed: frozenset[int]  # who have confirmed their address; no mail goes to others
    channels: dict[int, Channel]  # that are on

    def recipients(self, notice: Notice) -> routing.Recipients:
        """Who hears of `notice`; its certificate and supplier should be there already."""
        return routing.recipients(self.facts(notice), self.rules, self.members, self.channels)

    def facts(self, notice: Notice) -> routing.Facts:
        """What a rule asks of `notice`."""
        found = facts_of(notice)
        if notice.kind != Kind.CHANNEL_FAILING:
            return found
        failing = [pk for pk, channel in self.channels.items() if channel.public_id == notice.about_id]
        return routing.Facts(found.kind, found.severity, failing_channel=failing[0] if failing else None)


def of(org: Organisation, now: datetime) -> Audience:
    """Everybody who can be told now."""
    present = [
        member
        for member in org.memberships.filter(user__is_active=True).select_related("user", "org").order_by("pk")
        if not member.has_ended(now)
    ]
    users = {member.user_id: member.user for member in present}
    confirmed = confirmed_among(users)
    members = tuple(
        routing.Member(
            member.user_id,
            member.role,
            reachable=member.user_id in confirmed and member.user.mail_failed_at is None,
            deputy=member.deputy_id,
        )
        for member in present
    )
    channels = {channel.pk: channel for channel in org.channels.filter(on=True)}
    rules = org.alert_rules.filter(on=True).order_by("pk").prefetch_related("suppliers", "members", "channels")
    return Audience(org, tuple(rule_of(rule) for rule in rules), members, users, confirmed, channels)


def confirmed_among(users: dict[int, User]) -> frozenset[int]:
    """Those who have confirmed the address that mails go to."""
    found = EmailAddress.objects.filter(user__in=list(users), verified=True).values_list("user_id", "email")
    return frozenset(pk for pk, email in found if email.lower() == users[pk].email.lower())


def rule_of(rule: AlertRule) -> routing.Rule:
    """`rule` as it stands; for many of them with suppliers, members and channels read before."""
    return routing.Rule(
        pk=rule.pk,
        name=rule.name,
        kinds=rule.kinds,
        least=rule.least,
        schemes=rule.schemes,
        tags=rule.tags,
        suppliers=[supplier.pk for supplier in rule.suppliers.all()],
        members=[user.pk for user in rule.members.all()],
        roles=rule.roles,
        responsible=rule.responsible,
        channels=[channel.pk for channel in rule.channels.all()],
        when=rule.when,
        on=rule.on,
    )


def facts_of(notice: Notice) -> routing.Facts:
    """What a rule asks of `notice`, its channel apart. Of a source all of its schemes count."""
    kind, severity = Kind(notice.kind), Severity(notice.severity)
    certificate = notice.certificate
    if certificate is None:
        source = SOURCES.get(notice.about) if kind in (Kind.SOURCE_STALE, Kind.SOURCE_RECOVERED) else None
        return routing.Facts(kind, severity, source.schemes if source else ())
    supplier = certificate.supplier
    return routing.Facts(
        kind,
        severity,
        schemes=(certificate.scheme,),
        tags=tuple(certificate.tags),
        supplier=certificate.supplier_id,
        responsible=certificate.responsible_id or (supplier.responsible_id if supplier else None),
    )
