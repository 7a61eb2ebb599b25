"""The tables of the back office: organisations, people, runs, messages, audit trail."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certwatch.actions import contacts, operator, orgs, sources, syncs
from certwatch.models import AuditEntry, Organisation, RunState, Sync, User
from certwatch.web.doors import came_from
from certwatch.web.office import MOST_LINES, SECOND_FACTORS, Deed, Office, Table, shown
from certwatch.web.sentences import spoken

HIGHEST_LIMIT = 10_000_000  # requests a minute
LONGEST_TRIAL = timedelta(days=3_650)

STATES = {"trial": _("On trial"), "trial_over": _("Trial over"), "open": _("Open"), "closed": _("Closed")}
RUN_STATES = {
    RunState.RUNNING: _("Running"),
    RunState.GOOD: _("Good"),
    RunState.HELD: _("Held"),
    RunState.FAILED: _("Failed"),
    RunState.RELEASED: _("Released"),
    RunState.DISCARDED: _("Discarded"),
    RunState.SUPERSEDED: _("Superseded"),
    "never": _("Never read"),
}


def state(org: Organisation) -> Any:
    return STATES[org.state(timezone.now())]


def account(user: User) -> Any:
    if not user.is_active:
        return _("Closed")
    return _("Operator") if user.is_staff else _("Open")


def factors(user: User) -> str:
    kinds = Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).order_by("id")
    names = {Authenticator.Type.TOTP: gettext("Authenticator app"), Authenticator.Type.WEBAUTHN: gettext("Passkey")}
    return ", ".join(names[Authenticator.Type(kind)] for kind in kinds.values_list("type", flat=True))


class OrganisationForm(forms.ModelForm):  # type: ignore[type-arg]
    rate_limit = forms.IntegerField(label=_("Requests a minute"), min_value=1, max_value=HIGHEST_LIMIT)
    last_day = forms.DateField(
        label=_("Last day of the trial"),
        required=False,
        help_text=_("In the organisation’s time zone. To end a trial by opening for good, use the button."),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    class Meta:
        model = Organisation
        fields = ("rate_limit",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if ends := self.instance.trial_ends:
            self.initial["last_day"] = self.instance.today(ends - timedelta(microseconds=1))

    def clean_last_day(self) -> Any:
        day, now = self.cleaned_data["last_day"], timezone.now()
        if day is None and "last_day" in self.initial:
            raise forms.ValidationError(_("Give a day, or use the button that opens for good."))
        if "last_day" in self.changed_data and day > self.instance.today(now + LONGEST_TRIAL):
            raise forms.ValidationError(_("A trial lasts ten years at most."))
        return day


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state, STATES[state]) for state in STATES]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        now, open_ = timezone.now(), queryset.filter(closed_at=None)
        chosen = {
            "trial": open_.filter(trial_ends__gt=now),
            "trial_over": open_.filter(trial_ends__lte=now),
            "open": open_.filter(trial_ends=None),
            "closed": queryset.exclude(closed_at=None),
        }
        return chosen.get(self.value() or "")


class Organisations(Office):
    form = OrganisationForm
    list_display = (
        shown(_("Name"), "name", order="name"),
        shown(_("Slug"), "slug", order="slug"),
        shown(_("State"), state),
        shown(_("Trial ends"), "trial_ends", order="trial_ends"),
        shown(_("Requests a minute"), "rate_limit", order="rate_limit"),
        shown(_("Created"), "created_at", order="created_at"),
    )
    ordering = ("name", "slug")
    search_fields = ("name", "slug", "memberships__user__email")
    list_filter = (StateFilter,)
    editable = ("rate_limit", "last_day")
    lines = (
        shown(_("Slug"), "slug"),
        shown(_("State"), state),
        shown(_("Trial ends"), "trial_ends"),
        shown(_("Closed"), "closed_at"),
        shown(_("Will be deleted"), "delete_after"),
        shown(_("Time zone"), "time_zone"),
        shown(_("Language"), "language"),
        shown(_("Created"), "created_at"),
    )
    deeds = {
        "open": Deed(
            _("Open for good"),
            _("The organisation is no longer on trial or closed: its members change, and its keys are answered."),
            _("The organisation is open."),
            orgs.reopen,
            lambda org, now: org.state(now) != "open",
        ),
        "close": Deed(
            _("Close the organisation"),
            _("Its members can still read and export, but change nothing. The API answers 403, and alerts rest."),
            _("The organisation is closed."),
            orgs.close,
            lambda org, now: org.closed_at is None,
            grave=True,
        ),
    }

    def save_model(self, request: HttpRequest, obj: Organisation, form: Any, change: bool) -> None:
        who = {"by": request.user, "now": timezone.now(), "address": came_from(request)}
        if "rate_limit" in form.changed_data:
            operator.limit_rate(obj, form.cleaned_data["rate_limit"], **who)  # type: ignore[arg-type]
        if "last_day" in form.changed_data:
            operator.set_trial(obj, form.cleaned_data["last_day"], **who)  # type: ignore[arg-type]

    def tables(self, row: Organisation) -> Iterator[Table]:
        members = row.memberships.select_related("user").order_by("user__email")[:MOST_LINES]
        yield Table(
            gettext("Members"),
            [gettext("E-mail"), gettext("Name"), gettext("Role"), gettext("Last signed in"), gettext("Access ends")],
            [(m.user.email, m.user.name, m.get_role_display(), m.user.last_login, m.ends_on) for m in members],
        )
        keys = row.api_keys.order_by("-id").defer("digest")[:MOST_LINES]
        yield Table(
            gettext("API keys"),
            [gettext("Id"), gettext("Name"), gettext("Begins"), gettext("Last day"), gettext("Last used"),
             gettext("Revoked")],
            [(k.public_id, k.name, f"cw_{k.begins}…", k.last_day, k.last_used_at, k.revoked_at) for k in keys],
        )  # fmt: skip


class People(Office):
    list_display = (
        shown(_("E-mail"), "email", order="email"),
        shown(_("Name"), "name", order="name"),
        shown(_("Account"), account),
        shown(_("Last signed in"), "last_login", order="last_login"),
        shown(_("Since"), "date_joined", order="date_joined"),
    )
    light = ("password",)
    ordering = ("email",)
    search_fields = ("email", "name")
    list_filter = ("is_active", "is_staff")
    lines = (
        shown(_("E-mail"), "email"),
        shown(_("Name"), "name"),
        shown(_("Account"), account),
        shown(_("Second factor"), factors),
        shown(_("Language"), "language"),
        shown(_("Time zone"), "time_zone"),
        shown(_("Last signed in"), "last_login"),
        shown(_("Since"), "date_joined"),
    )
    deeds = {
        "deactivate": Deed(
            _("Close the account"),
            _("The person can no longer sign in, and is signed out with the next request. Memberships stay."),
            _("The account is closed."),
            operator.deactivate,
            lambda user, now: user.is_active and not user.is_staff,
            grave=True,
        ),
        "reactivate": Deed(
            _("Open the account"),
            _("The person can sign in again, with the same memberships."),
            _("The account is open."),
            operator.reactivate,
            lambda user, now: not user.is_active,
        ),
    }

    def tables(self, row: User) -> Iterator[Table]:
        members = row.memberships.select_related("org").order_by("org__name")[:MOST_LINES]
        yield Table(
            gettext("Member of"),
            [gettext("Organisation"), gettext("Slug"), gettext("Role"), gettext("Access ends")],
            [(m.org.name, m.org.slug, m.get_role_display(), m.ends_on) for m in members],
        )


class SourceFilter(admin.SimpleListFilter):
    title = _("source")
    parameter_name = "source"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sources.names()]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return queryset.filter(source=self.value()) if self.value() else None


class RunStateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [(word.value, RUN_STATES[word]) for word in RunState]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return queryset.filter(state=self.value()) if self.value() else None


class ReadingFilter(admin.SimpleListFilter):
    title = _("what was read")
    parameter_name = "read"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("whole", _("The whole register")), ("one", _("One number"))]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return {"whole": queryset.filter(number=""), "one": queryset.exclude(number="")}.get(self.value() or "")


def run_state(run: Sync) -> Any:
    return _("Being released") if run.state == RunState.HELD and run.release_asked_at else RUN_STATES[run.state]


def duration(run: Sync) -> str:
    seconds = round((run.ended - run.began).total_seconds()) if run.ended else None
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02}"


class Runs(Office):
    list_display = (
        shown(_("Run"), "pk"),
        shown(_("Source"), "source"),
        shown(_("Number"), "number"),
        shown(_("State"), run_state),
        shown(_("Began"), "began"),
        shown(_("Minutes"), duration),
        shown(_("New"), "new"),
        shown(_("Changed"), "changed"),
        shown(_("Gone"), "gone"),
        shown(_("Problems"), "problem_count"),
    )
    light = ("problems", "reasons", "review", "asked", "totals", "tally")
    ordering = ("-id",)
    list_filter = (SourceFilter, RunStateFilter, ReadingFilter)
    lines = (
        shown(_("Source"), "source"),
        shown(_("State"), run_state),
        shown(_("Number"), "number"),
        shown(_("Read at"), "address"),
        shown(_("Began"), "began"),
        shown(_("Ended"), "ended"),
        shown(_("Applied"), "applied_at"),
        shown(_("New"), "new"),
        shown(_("Changed"), "changed"),
        shown(_("Unchanged"), "unchanged"),
        shown(_("Gone"), "gone"),
        shown(_("Problems"), "problem_count"),
        shown(_("Why it failed"), "error"),
        shown(_("Release asked for"), "release_asked_at"),
    )
    deeds = {
        "release": Deed(
            _("Release"),
            _("What this run read is applied to the entries of now, all of it. The worker does that within a minute."),
            _("The worker will release this run within a minute. Its state then says so."),
            operator.ask_for_release,
            lambda run, now: run.state == RunState.HELD and run.release_asked_at is None,
        ),
        "discard": Deed(
            _("Discard"),
            _("What this run read is dropped. Everything stays as it is until the next run."),
            _("The run is discarded."),
            lambda run, **who: syncs.discard(run.pk, **who),
            lambda run, now: run.state == RunState.HELD and run.release_asked_at is None,
            grave=True,
        ),
    }

    def tables(self, row: Sync) -> Iterator[Table]:
        if row.reasons:
            yield Table(gettext("Why it is held"), [gettext("Reason")], [(spoken(reason),) for reason in row.reasons])
        if row.review:
            heads = [gettext("Number"), gettext("Holder"), gettext("Was"), gettext("Is")]
            last_days = [gettext("Last day was"), gettext("Last day is")]
            yield Table(gettext("What it would change"), heads + last_days, [_change(change) for change in row.review])
        if row.problems:
            problems = [(problem,) for problem in row.problems]
            yield Table(gettext("Problems"), [gettext("What could not be read")], problems)
        if row.totals:
            heads = [gettext("Part"), gettext("Entries, as the register says")]
            yield Table(gettext("The register’s own totals"), heads, list(row.totals.items()))
        yield Table(
            gettext("What was asked"),
            [gettext("Request"), gettext("Answer"), gettext("Bytes"), "SHA-256"],
            [
                (f"{ask.get('method')} {ask.get('url')}", str(ask.get("status")), ask.get("bytes"), ask.get("sha256"))
                for ask in row.asked
            ],
        )


def _change(change: dict[str, Any]) -> list[Any]:
    """A line of the review (`source review` on the command line)."""
    days = [change["valid_until_was"], change["valid_until"]]
    words = [change[part] for part in ("number", "holder", "was", "is")]
    return [*words, *(date.fromisoformat(day) if day else None for day in days)]


class AnsweredFilter(admin.SimpleListFilter):
    title = _("answered")
    parameter_name = "answered"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("Not answered")), ("yes", _("Answered"))]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        chosen = {"no": queryset.filter(answered_at=None), "yes": queryset.exclude(answered_at=None)}
        return chosen.get(self.value() or "")


class Messages(Office):
    list_display = (
        shown(_("Received"), "created_at", order="id"),
        shown(_("Name"), "name"),
        shown(_("E-mail"), "email"),
        shown(_("Organisation"), "organisation"),
        shown(_("Mailed"), "mailed_at"),
        shown(_("Answered"), "answered_at"),
    )
    light = ("text",)
    ordering = ("-id",)
    search_fields = ("name", "email", "organisation", "text")
    list_filter = (AnsweredFilter,)
    lines = (
        shown(_("Name"), "name"),
        shown(_("E-mail"), "email"),
        shown(_("Organisation"), "organisation"),
        shown(_("Language"), "language"),
        shown(_("Message"), "text"),
        shown(_("Received"), "created_at"),
        shown(_("Mailed"), "mailed_at"),
        shown(_("Tries"), "tries"),
        shown(_("Answered"), "answered_at"),
    )
    deeds = {
        "answered": Deed(
            _("Answered"),
            _("The message is no longer among those that wait for an answer."),
            _("The message is ticked off."),
            lambda message, *, now, **_who: contacts.tick(message, answered=True, now=now),
            lambda message, now: message.answered_at is None,
        ),
        "open": Deed(
            _("Not answered"),
            _("The message is among those that wait for an answer again."),
            _("The message waits for an answer again."),
            lambda message, *, now, **_who: contacts.tick(message, answered=False, now=now),
            lambda message, now: message.answered_at is not None,
        ),
        "remove": Deed(
            _("Remove"),
            _("The message is deleted for good, for example because its writer asked for that."),
            _("The message is removed."),
            contacts.remove,
            lambda message, now: True,
            grave=True,
        ),
    }


def details(entry: AuditEntry) -> str:
    return json.dumps(entry.details, ensure_ascii=False, indent=1) if entry.details else ""


class AuditLog(Office):
    """The operator's own deeds: what has no organisation, what operators did to one, and the command line's."""

    list_display = (
        shown(_("When"), "at"),
        shown(_("Who"), "by_label"),
        shown(_("What"), "action"),
        shown(_("About"), "about"),
        shown(_("Organisation"), "org"),
        shown(_("From"), "source_address"),
    )
    ordering = ("-id",)
    search_fields = ("by_label", "action", "about", "org__slug")
    list_select_related = ("org",)
    lines = (*list_display, shown(_("Details"), details))

    def rows(self) -> QuerySet[Any]:
        staff = User.objects.filter(is_staff=True).values("pk")
        return AuditEntry.objects.filter(Q(org=None) | Q(by__in=staff) | Q(by=None))
