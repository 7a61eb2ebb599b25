"""Org Admin: who is told what. Rules, reminders; the channels' own pages are `web/channels.py`."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certwatch.actions import alert_rules as actions
from certwatch.actions import channels, reach, reminder_plans
from certwatch.models import AlertRule, Digest, Membership, Notice, Supplier, User, When
from certwatch.rules import numbers, schemes
from certwatch.rules.cells import tags_of
from certwatch.rules.errors import Refused
from certwatch.rules.notices import SEVERITY, Severity
from certwatch.rules.rights import Right
from certwatch.web.alert_words import KINDS, SEVERITIES, Look, about
from certwatch.web.channels import rows as channel_rows
from certwatch.web.doors import OrgRequest, came_from, org_page
from certwatch.web.fields import NameField
from certwatch.web.kinds import LEAST, ROLES, WHEN
from certwatch.web.org_admin import page

PREVIEWED = 10  # alerts that a preview shows


class DaysField(forms.CharField):
    """Days before an end, as people write them: 60, 30, 7. The most first."""

    def clean(self, value: Any) -> Any:
        texts = [text for text in re.split(r"[\s,;]+", super().clean(value)) if text]
        if not all(text.isascii() and text.isdigit() and len(text) < 5 for text in texts):
            raise ValidationError(_("Whole numbers, separated by commas."))
        try:
            return reminder_plans.in_order([int(text) for text in texts])
        except Refused as error:
            raise ValidationError(str(error)) from error


class ChosenField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Rows of the organisation by their public id, a checkbox each. The form fills in which."""

    def __init__(self, *, label: str | Promise, stranger: Any) -> None:
        none = User.objects.none()
        boxes = forms.CheckboxSelectMultiple
        super().__init__(none, label=label, required=False, widget=boxes, to_field_name="public_id")
        self.error_messages |= {"invalid_choice": stranger, "invalid_pk_value": stranger}

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.user if isinstance(obj, Membership) else obj)


class RuleForm(forms.Form):
    """A rule, in words. What a rule may be about is checked where it is saved."""

    name = NameField(label=_("Name"), max_length=100, help_text=_("It stands beside each alert that it told."))
    kinds = forms.MultipleChoiceField(
        label=_("Kinds"),
        required=False,
        choices=[(kind.value, KINDS[kind]) for kind in actions.KINDS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("There is no kind of alert called “%(value)s”.")},
    )
    least = forms.ChoiceField(
        label=_("Least severity"),
        choices=LEAST,
        help_text=_("What is less grave is left out, also where its kind is ticked."),
    )
    schemes = forms.MultipleChoiceField(label=_("Schemes"), required=False, widget=forms.CheckboxSelectMultiple)
    tags = forms.CharField(
        label=_("Tags"), required=False, max_length=2_000, help_text=_("With commas between. One of them is enough.")
    )
    suppliers = forms.CharField(
        label=_("Suppliers"),
        required=False,
        max_length=20_000,
        help_text=_("One name a line, as on the page Suppliers."),
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
    )
    members = ChosenField(label=_("Members"), stranger=_("Who is no member here cannot be told. Invite first."))
    roles = forms.MultipleChoiceField(
        label=_("Everybody of a role"), required=False, choices=ROLES, widget=forms.CheckboxSelectMultiple
    )
    responsible = forms.BooleanField(
        label=_("The responsible person: the certificate’s, else the supplier’s"), required=False
    )
    channels = ChosenField(label=_("Channels"), stranger=_("This channel is not one of yours."))
    when = forms.ChoiceField(label=_("How soon"), choices=When.choices, widget=forms.RadioSelect)

    def __init__(self, request: OrgRequest, rule: AlertRule | None) -> None:
        super().__init__(request.POST if request.method == "POST" else None, initial=_as_filled_in(rule))
        self._org = request.org
        people = [member.pk for member in _members(request)]
        named = (
            request.org.memberships.select_related("user").filter(pk__in=people).order_by("user__name", "user__email")
        )
        self.fields["members"].queryset = named  # type: ignore[attr-defined]
        self.fields["channels"].queryset = channels.of(request.org).order_by("name")  # type: ignore[attr-defined]
        self.fields["schemes"].choices = _schemes(request, rule.schemes if rule else ())  # type: ignore[attr-defined]

    def clean_members(self) -> list[User]:
        return [member.user for member in self.cleaned_data["members"]]

    def clean_suppliers(self) -> list[Supplier]:
        lines = [line for line in map(str.strip, self.cleaned_data["suppliers"].splitlines()) if line]
        keys = {numbers.name_key(line): line for line in lines}
        found = {supplier.name_key: supplier for supplier in self._org.suppliers.filter(name_key__in=keys)}
        if unknown := [line for key, line in keys.items() if key not in found]:
            raise ValidationError(_("There is no supplier called “%(name)s”.") % {"name": unknown[0][:80]})
        return list(found.values())

    def said(self) -> actions.Said:
        """The rule that was filled in."""
        return actions.Said(**{**self.cleaned_data, "tags": tags_of(self.cleaned_data["tags"])})


class PlanForm(forms.Form):
    """The reminders of a scheme or a tag."""

    scheme = forms.ChoiceField(label=_("Scheme"), required=False)
    tag = forms.CharField(label=_("or tag"), required=False, max_length=reminder_plans.LONGEST_TAG)
    days = DaysField(
        label=_("Days before the last day"),
        required=False,
        max_length=100,
        help_text=_("E.g. 90, 60, 30. Empty: no reminders there."),
    )

    def __init__(self, *args: Any, request: OrgRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scheme"].choices = [("", "–"), *_schemes(request)]  # type: ignore[attr-defined]


class SuppliersForm(forms.Form):
    """Whether suppliers' contacts are reminded of their own certificates."""

    on = forms.BooleanField(label=_("Remind the supplier’s contacts, too"), required=False)
    supplier_days = DaysField(
        label=_("Days before the last day"), required=False, max_length=100, help_text=_("E.g. 90, 60, 30.")
    )


@org_page(Right.READ_ADMIN)
@require_safe
def notifications(request: OrgRequest) -> HttpResponse:
    return _page(request)


@org_page(Right.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def rule_create(request: OrgRequest) -> HttpResponse:
    return _edit(request, None)


@org_page(Right.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: OrgRequest, public_id: str) -> HttpResponse:
    return _edit(request, _rule(request, public_id))


@org_page(Right.ADMIN)
@require_POST
def rule_switch(request: OrgRequest, public_id: str) -> HttpResponse:
    """On or off, as the button says: pressed twice it is still that."""
    found, on = _rule(request, public_id), request.POST.get("on") == "1"
    actions.switch(found, on=on, by=request.user, now=request.now, address=came_from(request))
    words = gettext("“%(name)s” is on.") if on else gettext("“%(name)s” is off: it counts no more.")
    messages.success(request, words % {"name": found.name})
    return redirect("notifications", request.org.slug)


@org_page(Right.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def rule_remove(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _rule(request, public_id)
    if request.method != "POST":
        return page(request, "notifications", "notifications/rule_remove.html", rule=found)
    actions.remove(found, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("“%(name)s” is removed.") % {"name": found.name})
    return redirect("notifications", request.org.slug)


@org_page(Right.ADMIN)
@require_POST
def plan_save(request: OrgRequest) -> HttpResponse:
    form = PlanForm(request.POST, request=request)
    if form.is_valid():
        try:
            reminder_plans.save(
                request.org, **form.cleaned_data, by=request.user, now=request.now, address=came_from(request)
            )
        except Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, gettext("The reminders are saved."))
            return redirect("notifications", request.org.slug)
    return _page(request, plan=form)


@org_page(Right.ADMIN)
@require_POST
def plan_remove(request: OrgRequest) -> HttpResponse:
    named = {"scheme": request.POST.get("scheme", ""), "tag": request.POST.get("tag", "")}
    plan = get_object_or_404(request.org.reminder_plans.filter(certificate=None), **named)
    reminder_plans.remove(plan, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("Removed. The organisation’s days count there again."))
    return redirect("notifications", request.org.slug)


@org_page(Right.ADMIN)
@require_POST
def supplier_reminders(request: OrgRequest) -> HttpResponse:
    form = SuppliersForm(request.POST)
    if form.is_valid():
        on, days = form.cleaned_data["on"], form.cleaned_data["supplier_days"]
        try:
            reminder_plans.of_suppliers(
                request.org, on=on, days=days, by=request.user, now=request.now, address=came_from(request)
            )
        except Refused as error:
            form.add_error("supplier_days", str(error))
        else:
            words = gettext("Suppliers are reminded.") if on else gettext("Suppliers are not reminded.")
            messages.success(request, words)
            return redirect("notifications", request.org.slug)
    return _page(request, suppliers=form)


# ---- the page


class Recipient(NamedTuple):
    """Somebody or something that a rule tells. `why_not`: why nothing gets there, "" where it does."""

    icon: str
    words: str
    why_not: str = ""


def _page(request: OrgRequest, *, plan: PlanForm | None = None, suppliers: SuppliersForm | None = None) -> HttpResponse:
    org, members = request.org, reach.members(request.org, request.now)
    rules = org.alert_rules.prefetch_related("suppliers", "members", "channels").order_by("name", "pk")
    stored = {"on": org.supplier_reminders, "supplier_days": _in_words(org.supplier_days)}
    plans = org.reminder_plans.filter(certificate=None).order_by("tag", "scheme")
    shown = channel_rows(request)
    facts = {
        "on": sum(one.on for one in rules),
        "rules": [(one, _about(one), _for(one), _recipients(one, members)) for one in rules],
        "channels": shown,
        "waits": any(row.waits for row in shown),
        "digests": sum(member.digest != Digest.OFF for member in members),
        "members": len(members),
        "days": _in_words(org.reminder_days),
        "plans": [(one, _in_words(one.days)) for one in plans],
        "plan_form": plan or PlanForm(request=request),
        "suppliers_form": suppliers or SuppliersForm(initial=stored),
        "supplier_days": _in_words(org.supplier_days),
    }
    return page(request, "notifications", "notifications/notifications.html", **facts)


def _about(one: AlertRule) -> list[tuple[Look, list[str]]]:
    """The severities that the rule is about, the gravest first, and the kinds of each in words."""
    told = []
    for severity in actions.SEVERITIES:
        kinds = [kind for kind in actions.KINDS if SEVERITY[kind] == severity]
        if not one.kinds:
            chosen = [gettext("every kind")] if _grave_enough(severity, one.least) else []
        else:
            chosen = [str(KINDS[kind]) for kind in kinds if kind in one.kinds and _grave_enough(severity, one.least)]
        if chosen:
            told.append((SEVERITIES[severity], chosen))
    return told


def _grave_enough(severity: Severity, least: str) -> bool:
    return actions.SEVERITIES.index(severity) <= actions.SEVERITIES.index(Severity(least))


def _for(one: AlertRule) -> list[tuple[str, str]]:
    """What the rule is narrowed to, by field."""
    narrowed = (
        (gettext("Scheme"), one.schemes),
        (gettext("Tag"), one.tags),
        (gettext("Supplier"), sorted(supplier.name for supplier in one.suppliers.all())),
    )
    return [(label, ", ".join(values)) for label, values in narrowed if values]


def _recipients(one: AlertRule, members: Sequence[reach.Reached]) -> list[Recipient]:
    """Whom the rule tells, and why somebody among them does not hear of it."""
    by_user = {member.user.pk: member for member in members}
    told = [
        Recipient("i-mail", str(user), str(reach.why_not(by_user.get(user.pk))))
        for user in sorted(one.members.all(), key=lambda user: str(user).casefold())
    ]
    for role, words in ROLES:
        if role in one.roles:
            reached = [member for member in members if member.role == role and not member.why_not]
            told.append(Recipient("i-users", str(words), "" if reached else gettext("Nobody of them can be reached")))
    if one.responsible:
        told.append(Recipient("i-mail", gettext("The responsible person")))
    named = sorted(one.channels.all(), key=lambda channel: channel.name.casefold())
    off = gettext("The channel is off")
    return told + [Recipient("i-send", channel.name, "" if channel.on else off) for channel in named]


# ---- one rule


def _edit(request: OrgRequest, found: AlertRule | None) -> HttpResponse:
    form = RuleForm(request, found)
    previews = request.method == "POST" and "preview" in request.POST
    if request.method == "POST" and form.is_valid() and not previews:
        try:
            saved = actions.save(
                request.org, found, form.said(), by=request.user, now=request.now, address=came_from(request)
            )
        except Refused as error:
            form.add_error(None, str(error))
        else:
            words = gettext("“%(name)s” is saved.")
            if not actions.tells_anybody(saved):
                words = gettext("“%(name)s” is saved. It tells nobody, on purpose.")
            messages.success(request, words % {"name": saved.name})
            return redirect("notifications", request.org.slug)
    if previews:
        form.errors.pop("name", None)  # it need not have a name yet
    facts = {
        "rule": found,
        "form": form,
        "groups": _groups(form),
        "people": _people(request, form),
        "channels": bool(form["channels"]),
        "preview": _preview(request, form) if previews and not form.errors else None,
        "back": actions.PREVIEWED.days,
    }
    return page(request, "notifications", "notifications/rule.html", **facts)


def _groups(form: RuleForm) -> list[tuple[Look, list[tuple[Any, str]]]]:
    """The kinds' checkboxes by severity, with when each is told."""
    boxes = {box.data["value"]: box for box in form["kinds"]}
    return [
        (
            SEVERITIES[severity],
            [(boxes[kind], str(WHEN.get(kind, ""))) for kind in actions.KINDS if SEVERITY[kind] == severity],
        )
        for severity in actions.SEVERITIES
    ]


def _people(request: OrgRequest, form: RuleForm) -> list[tuple[Any, str]]:
    """The members' checkboxes, with why somebody cannot be reached."""
    reached = {member.public_id: member for member in reach.members(request.org, request.now)}
    return [(box, str(reach.why_not(reached.get(str(box.data["value"]))))) for box in form["members"]]


class Preview(NamedTuple):
    """Alerts of late that a rule would have told."""

    fitting: int
    more: bool  # only so many were looked at
    newest: list[tuple[Notice, str | Promise, Look, str]]  # what each is called, how grave, what it is about


def _preview(request: OrgRequest, form: RuleForm) -> Preview:
    said = actions.Said(**{"name": "", **form.cleaned_data, "tags": tags_of(form.cleaned_data["tags"])})
    fitting, more = actions.fitting(request.org, said, now=request.now)
    return Preview(
        len(fitting),
        more,
        [(one, KINDS[one.kind], SEVERITIES[one.severity], about(one)) for one in fitting[:PREVIEWED]],
    )


def _rule(request: OrgRequest, public_id: str) -> AlertRule:
    found: AlertRule = get_object_or_404(request.org.alert_rules.select_related("org"), public_id=public_id)
    return found


def _as_filled_in(rule: AlertRule | None) -> dict[str, Any]:
    """The rule as the form shows it."""
    if rule is None:
        return {"least": Severity.INFORMATION.value, "when": When.AT_ONCE}
    return {
        "name": rule.name,
        "kinds": rule.kinds,
        "least": rule.least,
        "schemes": rule.schemes,
        "tags": ", ".join(rule.tags),
        "suppliers": "\n".join(rule.suppliers.order_by("name").values_list("name", flat=True)),
        "members": list(rule.org.memberships.filter(user__in=rule.members.all()).values_list("public_id", flat=True)),
        "roles": rule.roles,
        "responsible": rule.responsible,
        "channels": list(rule.channels.values_list("public_id", flat=True)),
        "when": rule.when,
    }


def _members(request: OrgRequest) -> list[Membership]:
    """Who can be told: members whose access has not ended."""
    return [m for m in request.org.memberships.select_related("org") if not m.has_ended(request.now)]


def _schemes(request: OrgRequest, also: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The schemes of the organisation's certificates, where there are none yet all that have a name."""
    watched = request.org.certificates.watched().exclude(scheme="").order_by("scheme")
    found = set(watched.values_list("scheme", flat=True).distinct()) or set(schemes.NAMES)
    return [(scheme, scheme) for scheme in sorted(found | set(also), key=str.casefold)]


def _in_words(days: Iterable[int]) -> str:
    return ", ".join(map(str, days))


urls: list[URLPattern] = [
    path("admin/notifications/", notifications, name="notifications"),
    path("admin/notifications/rules/new/", rule_create, name="rule_create"),
    path("admin/notifications/rules/<str:public_id>/", rule, name="rule"),
    path("admin/notifications/rules/<str:public_id>/switch/", rule_switch, name="rule_switch"),
    path("admin/notifications/rules/<str:public_id>/remove/", rule_remove, name="rule_remove"),
    path("admin/notifications/reminders/", plan_save, name="plan_save"),
    path("admin/notifications/reminders/remove/", plan_remove, name="plan_remove"),
    path("admin/notifications/suppliers/", supplier_reminders, name="supplier_reminders"),
]
