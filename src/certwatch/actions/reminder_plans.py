"""Days on which somebody is reminded: plans of schemes and tags, and the reminders to suppliers."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import Certificate, Organisation, ReminderPlan, User
from certwatch.rules import names
from certwatch.rules.errors import Refused

MOST_PLANS = 100
MOST_DAYS, EARLIEST = 10, 365
LONGEST_SCHEME, LONGEST_TAG = 60, 100


@transaction.atomic
def save(
    org: Organisation,
    *,
    days: Sequence[int],
    scheme: str = "",
    tag: str = "",
    by: User,
    now: datetime,
    address: str | None = None,
) -> ReminderPlan:
    """Set the days of one scheme or one tag. No days: never reminded. Raises `Refused` where both or none is named."""
    if bool(scheme) == bool(tag):
        raise Refused(_("Name a scheme or a tag, one of the two."))
    text = names.clean(scheme or tag, _("The name"), LONGEST_SCHEME if scheme else LONGEST_TAG)
    scheme, tag = (text, "") if scheme else ("", text)
    days = in_order(days)
    Organisation.objects.select_for_update(no_key=True).get(pk=org.pk)
    plan = org.reminder_plans.filter(certificate=None, scheme=scheme, tag=tag).first()
    if plan is None and org.reminder_plans.filter(certificate=None).count() >= MOST_PLANS:
        raise Refused(_("There are %(most)s plans, the most there can be. Remove one first.") % {"most": MOST_PLANS})
    if plan is not None and plan.days == days:
        return plan
    was = plan.days if plan else None
    plan = plan or ReminderPlan(org=org, scheme=scheme, tag=tag)
    plan.days = days
    plan.save()
    audit.note(org, "reminders.planned", about=text, by=by, now=now, address=address, changed={"days": [was, days]})
    return plan


@transaction.atomic
def remove(plan: ReminderPlan, *, by: User, now: datetime, address: str | None = None) -> None:
    """From now on the organisation's days count there again."""
    about = plan.scheme or plan.tag
    audit.note(plan.org, "reminders.plan_removed", about=about, by=by, now=now, address=address, days=plan.days)
    plan.delete()


@transaction.atomic
def of_suppliers(
    org: Organisation, *, on: bool, days: Sequence[int], by: User, now: datetime, address: str | None = None
) -> bool:
    """Whether suppliers' contacts are reminded, and when; False if nothing differs."""
    if on and not days:
        raise Refused(_("Name at least one day, or switch the reminders off."))
    org = Organisation.objects.select_for_update(no_key=True).get(pk=org.pk)
    was = [org.supplier_reminders, org.supplier_days]
    org.supplier_reminders, org.supplier_days = on, in_order(days)
    if was == [org.supplier_reminders, org.supplier_days]:
        return False
    org.save(update_fields=["supplier_reminders", "supplier_days"])
    audit.note(
        org, "reminders.of_suppliers", about=org.name, by=by, now=now, address=address,
        changed={"on": [was[0], on], "days": [was[1], org.supplier_days]},
    )  # fmt: skip
    return True


@transaction.atomic
def of_certificate(
    certificate: Certificate, days: Sequence[int] | None, *, by: User, now: datetime, address: str | None = None
) -> bool:
    """Set the days of one certificate; [] for never, None for those of its tag, scheme or organisation again. False if
    nothing differs."""
    wanted = None if days is None else in_order(days)
    certificate.org.certificates.select_for_update(no_key=True).get(pk=certificate.pk)
    plan = certificate.reminder_plans.first()
    was = plan.days if plan else None
    if was == wanted:
        return False
    if wanted is None:
        certificate.reminder_plans.all().delete()
    else:
        certificate.reminder_plans.update_or_create(defaults={"days": wanted}, create_defaults={
            "org": certificate.org, "days": wanted,
        })  # fmt: skip
    audit.note(
        certificate.org, "reminders.planned", about=certificate.number, about_id=certificate.public_id, by=by, now=now,
        address=address, changed={"days": [was, wanted]},
    )  # fmt: skip
    return True


def in_order(days: Sequence[int]) -> list[int]:
    """Each day once, the most first. Raises `Refused` for too many, or days that are none."""
    found = sorted(set(days), reverse=True)
    if len(found) > MOST_DAYS:
        raise Refused(_("%(most)s reminders at most.") % {"most": MOST_DAYS})
    if found and not 0 <= found[-1] <= found[0] <= EARLIEST:
        raise Refused(_("From 0 to %(most)s days.") % {"most": EARLIEST})
    return found
