"""What is told, to whom, over what, and every try to deliver it.

A `Notice` is one thing to tell. A `Telling` says who hears of it and why. A `Delivery` is one message on its way, an
`Attempt` one try. All of it stands in rows before anything is sent; workers only carry it out.
"""

from django.conf import settings
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from certwatch.models.base import OrgOwned, PublicId
from certwatch.models.certificates import Certificate, Change
from certwatch.models.orgs import Organisation
from certwatch.models.registers import Entry
from certwatch.models.suppliers import SupplierContact
from certwatch.rules.notices import Severity, State


class When(models.TextChoices):
    """How soon somebody hears of a notice."""

    AT_ONCE = "at_once", _("At once")
    DIGEST = "digest", _("Digest")


class Channel(OrgOwned):
    """A chat service that alerts go to. Its address is a secret."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="channels")
    public_id = PublicId()
    name = models.CharField(max_length=100)
    scheme = models.CharField(max_length=30)  # apprise's: slack, workflows, …
    host = models.CharField(max_length=255, blank=True)  # of its own, where customers of the service have one
    address = models.TextField()  # actions.secrets.encrypt of apprise's address
    shown = models.CharField(max_length=60)  # the address masked, e.g. "slack://…T4kQ"
    language = models.CharField(max_length=8, blank=True)  # "": the organisation's
    on = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    failing_since = models.DateTimeField(null=True)  # first failure since the last success
    last_success_at = models.DateTimeField(null=True)

    across_orgs = models.Manager()

    def __str__(self) -> str:
        return self.name

    @property
    def goes_to(self) -> str:
        """The `host` of its deliveries: all that share it wait for one another."""
        return self.host or self.scheme


class AlertRule(OrgOwned):
    """Who is told what. Empty lists mean any; one value of each field must fit."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="alert_rules")
    public_id = PublicId()
    name = models.CharField(max_length=100)
    on = models.BooleanField(default=True)
    kinds = models.JSONField(default=list)  # words of rules.notices.Kind
    least = models.CharField(max_length=11, default=Severity.INFORMATION)  # least severity
    schemes = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    suppliers = models.ManyToManyField("certwatch.Supplier", related_name="+")
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    roles = models.JSONField(default=list)
    responsible = models.BooleanField(default=False)  # the certificate's person, else the supplier's
    channels = models.ManyToManyField(Channel, related_name="rules")
    when = models.CharField(max_length=7, choices=When.choices, default=When.AT_ONCE)
    created_at = models.DateTimeField()

    across_orgs = models.Manager()

    def __str__(self) -> str:
        return self.name


class ReminderPlan(OrgOwned):
    """Days before the last day on which `expiring` is told, where they are not the organisation's own.

    Exactly one of `certificate`, `tag`, `scheme` is named; the certificate's plan outranks a tag's, a tag's a scheme's.
    """

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="reminder_plans")
    scheme = models.CharField(max_length=60, blank=True)
    tag = models.CharField(max_length=100, blank=True)
    certificate = models.ForeignKey(Certificate, on_delete=models.CASCADE, null=True, related_name="reminder_plans")
    days = models.JSONField(default=list)  # the most first; []: never reminded

    across_orgs = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "scheme", "tag"], condition=Q(certificate=None), name="one_plan_per_scheme_or_tag"
            ),
            models.UniqueConstraint(fields=["certificate"], name="one_plan_per_certificate"),
        ]


class Absence(models.Model):
    """A change to `not_found` that waits for a second complete reading; then it is told, or never."""

    change = models.OneToOneField(Change, on_delete=models.CASCADE, related_name="absence")
    certificate = models.ForeignKey(Certificate, on_delete=models.CASCADE, related_name="absences")


class Notice(models.Model):
    """One thing to tell; pages call it an alert. `org` None: the operator's."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True, related_name="notices", db_index=False)
    public_id = PublicId()
    kind = models.CharField(max_length=20)  # rules.notices.Kind
    severity = models.CharField(max_length=11)  # rules.notices.Severity
    told_for = models.CharField(max_length=160, unique=True)  # what makes it unique; see `actions.notices`
    batch = models.CharField(max_length=60)  # what goes to a reader in one mail: "run:7", "day:2026-11-24", "n:<id>"
    certificate = models.ForeignKey(
        Certificate, on_delete=models.CASCADE, null=True, related_name="notices", db_index=False
    )
    change = models.ForeignKey(Change, on_delete=models.CASCADE, null=True, related_name="notices")
    about = models.CharField(max_length=200, blank=True)  # source, key, channel, run or duty, where no certificate
    about_id = models.CharField(max_length=40, blank=True)  # its public id, where it has one
    day = models.DateField(null=True)  # the last day, review date or end that it is about
    stage = models.PositiveSmallIntegerField(null=True)  # days before it; of repeats how many weeks after
    facts = models.JSONField(default=dict)  # what else is said: {"missing": [...], "since": ..., "reasons": [...]}
    state = models.CharField(max_length=12, default=State.OPEN)  # rules.notices.State
    made_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)  # when it was decided who hears of it; None: the next look decides
    nobody = models.BooleanField(default=False)  # nobody could be reached: "Nobody was told"
    open_since = models.DateTimeField(null=True)  # when it was opened again; None: it is as it was told
    escalated = models.PositiveSmallIntegerField(default=0)  # 1: the deputies know, 2: owners and admins
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)  # acknowledged or snoozed: when,
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    comment = models.TextField(blank=True)  # … why,
    until = models.DateField(null=True)  # … and to the end of which day; None: for good
    solved_at = models.DateTimeField(null=True)
    solved_by = models.CharField(max_length=40, blank=True)  # what ended its cause: "lifted", "renewed", "removed", …

    across_orgs = models.Manager()  # also of the operator's, who has no organisation

    class Meta:
        indexes = [
            models.Index(fields=["org", "-id"], name="notices_newest_first"),  # the inbox
            models.Index(fields=["org", "state", "severity"], name="notices_by_state"),  # open ones, counted
            models.Index(fields=["org", "id"], condition=Q(told_at=None), name="notices_to_tell"),  # who hears of it?
            models.Index(fields=["certificate", "kind"], name="notices_of_certificate"),
            # whose are they? Only where somebody is named: 100,000 new ones of a run need no place there
            models.Index(fields=["assigned_to"], condition=Q(assigned_to__isnull=False), name="notices_assigned"),
            models.Index(fields=["decided_by"], condition=Q(decided_by__isnull=False), name="notices_decided"),
        ]


def open_alerts(org: str) -> Coalesce:
    """How many alerts are open in the organisation that the field `org` names; to annotate with."""
    standing = Notice.across_orgs.filter(org=OuterRef(org), state=State.OPEN).order_by().values("org")
    return Coalesce(Subquery(standing.annotate(n=Count("pk")).values("n")), Value(0))


class Telling(models.Model):
    """That somebody hears of a notice, once: a person or a channel, why, and with which message."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="tellings", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, null=True, related_name="+")
    when = models.CharField(max_length=7, choices=When.choices)
    why = models.CharField(max_length=12)  # rule, default, deputy, escalated, nobody (owners: nobody else was reached)
    rule = models.ForeignKey(AlertRule, on_delete=models.SET_NULL, null=True, related_name="+")
    rule_name = models.CharField(max_length=100, blank=True)  # as it was called then
    reachable = models.BooleanField(default=True)  # of a person: has a confirmed address that works
    made_at = models.DateTimeField()
    delivery = models.ForeignKey(  # the first message that carries it; None: its digest is still to come
        "certwatch.Delivery", on_delete=models.SET_NULL, null=True, related_name="tellings"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "user"], name="a_person_is_told_once"),
            models.UniqueConstraint(fields=["notice", "channel"], name="a_channel_is_told_once"),
        ]
        indexes = [
            models.Index(fields=["user"], condition=Q(delivery=None), name="tellings_for_digests"),
        ]


class EndpointState(models.TextChoices):
    """States of a webhook endpoint (api-extended.md)."""

    ON = "on", _("On")
    OFF = "off", _("Off")
    GONE = "gone", _("Gone")  # it answered 410
    FAILING = "failing", _("Failing")  # switched off: no success for five days


class WebhookEndpoint(OrgOwned):
    """An address that gets events. Its secret is encrypted; while it is rotated the old one signs along."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="webhook_endpoints")
    public_id = PublicId()
    name = models.CharField(max_length=100, blank=True)
    url = models.CharField(max_length=2_000)
    types = models.JSONField(default=list)  # of rules.events.TYPES; []: all
    state = models.CharField(max_length=7, choices=EndpointState.choices, default=EndpointState.ON)
    secret = models.TextField()  # actions.secrets.encrypt of whsec_…
    old_secret = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    failing_since = models.DateTimeField(null=True)  # first failure since the last success
    last_success_at = models.DateTimeField(null=True)
    switched_off_at = models.DateTimeField(null=True)  # from here on a replay is offered

    across_orgs = models.Manager()

    def __str__(self) -> str:
        return self.name or self.url


class Purpose(models.TextChoices):
    """What a message is for."""

    ALERTS = "alerts"  # notices at once, to a member or a channel
    DIGEST = "digest"
    REPEAT = "repeat"  # critical ones that nobody acknowledged
    OPENED = "opened"  # what needs attention now that the organisation is open again
    WEBHOOK = "webhook"  # one change, or a test
    OPERATOR = "operator"
    SUPPLIER = "supplier"  # a reminder to a supplier's contact
    TEST = "test"  # of a channel


class DeliveryState(models.TextChoices):
    """What became of a message."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    GIVEN_UP = "given_up", _("Given up")
    DROPPED = "dropped", _("Dropped")  # its receiver is gone, switched off or may not hear of it any more


class Delivery(models.Model):
    """One message on its way over one channel. `org` None: the operator's.

    Its id (in the Message-ID, or as `webhook-id`) stays over all tries, so a receiver knows twins.
    """

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True, related_name="deliveries")
    public_id = PublicId()
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    told_for = models.CharField(max_length=160, unique=True)  # what makes it unique; see `actions.deliveries`
    user = models.ForeignKey(  # the reader of a mail
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    contact = models.ForeignKey(SupplierContact, on_delete=models.CASCADE, null=True, related_name="+")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, null=True, related_name="deliveries")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, null=True, related_name="deliveries")
    change = models.ForeignKey(Change, on_delete=models.CASCADE, null=True, related_name="deliveries")
    notices = models.ManyToManyField(Notice, related_name="deliveries")
    facts = models.JSONField(default=dict)  # what its maker says of it: {"day": …, "certificate": …, "replay_of": …}
    host = models.CharField(max_length=255)  # where it goes: "mail", or the receiver's host; at most 2 at once each
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)  # not before; None once it has ended
    leased_until = models.DateTimeField(null=True)  # a worker is at it
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)  # of the last try, a sentence

    across_orgs = models.Manager()  # also of the operator's, who has no organisation

    class Meta:
        verbose_name, verbose_name_plural = _("delivery"), _("deliveries")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="deliveries_due"),  # the carrier
            models.Index(fields=["endpoint", "-id"], name="deliveries_of_endpoint"),  # its log
        ]

    def __str__(self) -> str:
        return self.public_id


class Attempt(models.Model):
    """One try to deliver a message. Kept for 30 days."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    began_at = models.DateTimeField()
    took_ms = models.PositiveIntegerField(default=0)
    ok = models.BooleanField(default=False)
    status = models.PositiveSmallIntegerField(null=True)  # of an HTTP answer
    said = models.TextField(blank=True)  # the beginning of the answer, or why there was none
    request = models.TextField(blank=True)  # of a webhook: headers and body as they were sent; never a secret

    class Meta:
        indexes = [models.Index(fields=["began_at"], name="attempts_by_age")]  # housekeeping: what is old?


class Decision(models.TextChoices):
    """What a person made of a suggestion or a proposal."""

    WAITING = "waiting", _("Waiting")
    ACCEPTED = "accepted", _("Accepted")
    DISMISSED = "dismissed", _("Dismissed")


class Successor(OrgOwned):
    """A later certificate of the same holder and scheme that may replace one that is watched."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="successors")
    public_id = PublicId()
    certificate = models.ForeignKey(Certificate, on_delete=models.CASCADE, related_name="suggestions")
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")
    missing = models.JSONField(default=list)  # scopes of the old one that it does not have
    in_time = models.BooleanField(default=True)  # it begins at the latest the day after the old last day
    decision = models.CharField(max_length=9, choices=Decision.choices, default=Decision.WAITING)
    suggested_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    across_orgs = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["certificate", "entry"], name="suggested_once")]


class UploadLink(OrgOwned):
    """An address at which a supplier uploads a new certificate without an account. Its token is kept as digest only."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="upload_links")
    public_id = PublicId()
    certificate = models.ForeignKey(Certificate, on_delete=models.CASCADE, related_name="upload_links")
    contact = models.ForeignKey(SupplierContact, on_delete=models.SET_NULL, null=True, related_name="+")
    token_digest = models.BinaryField(max_length=32, unique=True)
    language = models.CharField(max_length=8, default="en")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    ends_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)  # by a person, or because an upload was accepted

    across_orgs = models.Manager()


class Proposal(OrgOwned):
    """A file that a supplier uploaded, until a person accepts or dismisses it."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="proposals")
    public_id = PublicId()
    link = models.ForeignKey(UploadLink, on_delete=models.CASCADE, related_name="proposals")
    certificate = models.ForeignKey(Certificate, on_delete=models.CASCADE, related_name="proposals")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=60)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    path = models.CharField(max_length=200)  # below CERTWATCH_FILES; "" once it is removed
    note = models.TextField(blank=True)  # what the supplier wrote
    uploaded_at = models.DateTimeField()
    uploaded_from = models.GenericIPAddressField(null=True)
    decision = models.CharField(max_length=9, choices=Decision.choices, default=Decision.WAITING)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    across_orgs = models.Manager()


class CalendarFeed(models.Model):
    """A person's calendar subscription. Of its token only the SHA-256 is kept; a new one replaces it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_feed")
    token_digest = models.BinaryField(max_length=32, unique=True)
    everything = models.BooleanField(default=False)  # or only what the person is responsible for
    made_at = models.DateTimeField()
