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

    def recipients(self, facts: routing.Facts) -> routing.Recipients:
        """Who hears of a notice with these facts."""
        return routing.recipients(facts, self.rules, self.members, self.channels)

    def channel(self, public_id: str) -> int | None:
        """The key of the channel with this id, if it is on."""
        return next((pk for pk, channel in self.channels.items() if channel.public_id == public_id), None)


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
    """What a rule asks of `notice`, whose certificate and supplier should be there already; its channel apart."""
    kind, severity = Kind(notice.kind), Severity(notice.severity)
    certificate = notice.certificate
    if certificate is None:
        return routing.Facts(kind, severity, schemes_of(kind, notice.about))
    supplier = certificate.supplier
    return routing.Facts(
        kind,
        severity,
        schemes=(certificate.scheme,),
        tags=tuple(certificate.tags),
        supplier=certificate.supplier_id,
        responsible=certificate.responsible_id or (supplier.responsible_id if supplier else None),
    )


def schemes_of(kind: Kind, about: str) -> tuple[str, ...]:
    """Of a notice without certificate: all schemes of the source that it is about, else none."""
    source = SOURCES.get(about) if kind in (Kind.SOURCE_STALE, Kind.SOURCE_RECOVERED) else None
    return source.schemes if source else ()
