"""Org Admin: members, roles and invitations."""

import re
from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.mail import get_connection
from django.core.validators import validate_email
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce, Lower, NullIf
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certwatch.actions import members as actions
from certwatch.actions import reach
from certwatch.actions.orgs import invite as send_invitation
from certwatch.models import Invitation, Membership, Role
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right, roles_given_by
from certwatch.web.doors import OrgRequest, came_from, fresh_login, org_page
from certwatch.web.fields import DayField
from certwatch.web.org_admin import page

AT_ONCE = 20  # invitations: the page waits for the mail server
SHOWN = 100  # open invitations


class _WithRole(forms.Form):
    """A role that the one who fills it in may give, and how long it lasts."""

    role = forms.ChoiceField(label=_("Role"))
    ends_on = DayField(label=_("Access ends"), required=False, help_text=_("The last day. Leave it empty for no end."))

    def __init__(self, *args: Any, request: OrgRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today = request.today
        self.fields["role"].choices = [(role, Role(role).label) for role in roles_given_by(request.role)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        ends_on = cleaned.get("ends_on")
        if ends_on and ends_on < self._today and "ends_on" in self.changed_data:
            self.add_error("ends_on", _("This day has passed."))
        if ends_on and cleaned.get("role") == Role.OWNER:
            self.add_error("ends_on", _("An owner’s access has no end. Leave it empty, or choose another role."))
        return cleaned


class MemberForm(_WithRole):
    pass


class InviteForm(_WithRole):
    emails = forms.CharField(
        label=_("E-mail addresses"),
        max_length=4000,
        help_text=_("One or more, separated by commas or in lines."),
        widget=forms.Textarea({"rows": 2, "spellcheck": "false"}),
    )
    field_order = ("emails", "role", "ends_on")

    def clean_emails(self) -> list[str]:
        emails = list(dict.fromkeys(re.split(r"[\s,;]+", self.cleaned_data["emails"].strip(" \r\n\t,;"))))
        if len(emails) > AT_ONCE:
            raise ValidationError(_("%(most)s at once at most.") % {"most": AT_ONCE})
        for email in emails:
            try:
                validate_email(email)
            except ValidationError as error:
                raise ValidationError(_("“%(text)s” is no e-mail address.") % {"text": email}) from error
        return emails


@org_page(Right.READ_ADMIN)
@require_safe
def org_admin(request: OrgRequest) -> HttpResponse:
    """The section's own address leads to its first page."""
    return redirect("members", request.org.slug)


@org_page(Right.READ_ADMIN)
@require_safe
def members(request: OrgRequest) -> HttpResponse:
    unreached = {member.user.pk: member.why_not for member in reach.members(request.org, request.now)}
    waiting = request.org.invitations.filter(accepted_at=None, revoked_at=None).order_by("-id")[:SHOWN]
    facts = {
        "members": [(member, unreached.get(member.user_id, "")) for member in _members(request)],
        "invitations": [(invitation, invitation.ends_at > request.now) for invitation in waiting],
        "gives": roles_given_by(request.role),
    }
    return page(request, "members", "members/list.html", **facts)


@org_page(Right.ADMIN)
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def member(request: OrgRequest, public_id: str) -> HttpResponse:
    """One member: another role, an end of the access; below it removal and transfer, each with its own button."""
    found = _to_change(request, public_id)
    form = MemberForm(request.POST or None, initial={"role": found.role, "ends_on": found.ends_on}, request=request)
    if request.method == "POST" and form.is_valid():
        role, ends_on = Role(form.cleaned_data["role"]), form.cleaned_data["ends_on"]
        try:
            actions.change(found, role, ends_on, by=request.user, now=request.now, address=came_from(request))
        except Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, gettext("Saved. %(name)s: %(role)s.") % {"name": found.user, "role": role.label})
            return redirect("members", request.org.slug)
    is_self = found.user_id == request.user.pk
    return page(request, "members", "members/member.html", member=found, form=form, is_self=is_self)


@org_page(Right.ADMIN)
@fresh_login
@require_POST
def remove(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _to_change(request, public_id)
    try:
        actions.remove(found, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("%(name)s is no member any more.") % {"name": found.user})
    return redirect("members", request.org.slug)


@org_page(Right.OWN)
@fresh_login
@require_POST
def transfer(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _to_change(request, public_id)
    try:
        actions.transfer_ownership(found, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("%(name)s is an owner now, you are an admin.") % {"name": found.user})
    return redirect("members", request.org.slug)


@org_page(Right.ADMIN)
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: OrgRequest) -> HttpResponse:
    form = InviteForm(request.POST or None, initial={"role": Role.MEMBER}, request=request)
    if request.method == "POST" and form.is_valid():
        failed = _invite(request, **form.cleaned_data)
        if not failed:
            return redirect("members", request.org.slug)
        form = _with_what_failed(request, failed)
    return page(request, "members", "members/invite.html", form=form)


@org_page(Right.ADMIN)
@fresh_login
@require_POST
def send_again(request: OrgRequest, public_id: str) -> HttpResponse:
    """A new link to the same address, for the same role; the former link ends."""
    invitation = _invitation(request, public_id)
    ends_on = invitation.access_ends
    if ends_on and ends_on < request.today:
        messages.error(request, gettext("The access would have ended already. Invite anew."))
    else:
        for why in _invite(request, [invitation.email], invitation.role, ends_on).values():
            messages.error(request, why)
    return redirect("members", request.org.slug)


@org_page(Right.ADMIN)
@require_POST
def revoke(request: OrgRequest, public_id: str) -> HttpResponse:
    invitation = _invitation(request, public_id)
    actions.revoke_invitation(invitation, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("The invitation of %(email)s is taken back.") % {"email": invitation.email})
    return redirect("members", request.org.slug)


def _members(request: OrgRequest) -> "QuerySet[Membership]":
    second = Authenticator.objects.filter(user=OuterRef("user")).exclude(type=Authenticator.Type.RECOVERY_CODES)
    found = request.org.memberships.select_related("user").annotate(two_steps=Exists(second))
    return found.order_by(Lower(Coalesce(NullIf("user__name", Value("")), "user__email")))


def _to_change(request: OrgRequest, public_id: str) -> Membership:
    """The member with this id; 403 where it takes an owner to change him."""
    found: Membership = get_object_or_404(request.org.memberships.select_related("user", "org"), public_id=public_id)
    if found.role not in roles_given_by(request.role):
        raise PermissionDenied
    return found


def _invitation(request: OrgRequest, public_id: str) -> Invitation:
    waiting = request.org.invitations.select_related("org").filter(accepted_at=None, revoked_at=None)
    found: Invitation = get_object_or_404(waiting, public_id=public_id)
    if found.role not in roles_given_by(request.role):
        raise PermissionDenied
    return found


def _with_what_failed(request: OrgRequest, failed: dict[str, str]) -> InviteForm:
    """The form once more, with the addresses that got no mail, and why."""
    sent = request.POST.copy()
    sent["emails"] = "\n".join(failed)
    form = InviteForm(sent, request=request)
    form.full_clean()
    form.add_error("emails", list(failed.values()))
    return form


def _invite(request: OrgRequest, emails: list[str], role: str, ends_on: Any) -> dict[str, str]:
    """Mail the invitations and tell how many were; the addresses that got none, each with the reason."""
    failed = {}
    for email in emails:
        try:
            send_invitation(
                request.org, email, Role(role), base_url=settings.BASE_URL, connection=get_connection(),
                by=request.user, now=request.now, access_ends=ends_on, address=came_from(request),
            )  # fmt: skip
        except Refused as error:
            failed[email] = str(error)
    if sent := len(emails) - len(failed):
        words = ngettext("%(count)s invitation is sent.", "%(count)s invitations are sent.", sent)
        messages.success(request, words % {"count": sent})
    return failed


urls: list[URLPattern] = [
    path("admin/", org_admin, name="org_admin"),
    path("admin/members/", members, name="members"),
    path("admin/members/invite/", invite, name="invite"),
    path("admin/members/<str:public_id>/", member, name="member"),
    path("admin/members/<str:public_id>/remove/", remove, name="member_remove"),
    path("admin/members/<str:public_id>/transfer/", transfer, name="member_transfer"),
    path("admin/invitations/<str:public_id>/send/", send_again, name="invitation_send"),
    path("admin/invitations/<str:public_id>/revoke/", revoke, name="invitation_revoke"),
]
