"""What the back office is made of: its door, and lists and details that Django's admin shows, mostly for reading.

Nothing here counts a large table: `Capped` stops. What is changed goes through actions, so that each change has its
note in the audit trail.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certwatch.models import User
from certwatch.rules.errors import Refused
from certwatch.templatetags.certwatch import day, moment, number
from certwatch.web.doors import came_from

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes only stand in for them
SET_UP_HERE = "second_factor_set_up_by"  # in the session
MOST_ROWS = 2_000  # of a list; who looks for something further down searches
UNUSED = (  # addresses of Django's admin
    "app_list",
    "autocomplete",
    "jsi18n",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "view_on_site",
)
MOST_LINES = 200  # of a table on a detail page
Row = Any  # a row of whichever table


class BackOffice(admin.AdminSite):
    """Others find nothing here, whether they are signed in or not."""

    site_title = site_header = index_title = _("Back office")
    site_url = "/o/"
    enable_nav_sidebar = False

    @property
    def pages(self) -> Mapping[str, Callable[[HttpRequest], HttpResponse]]:
        """Pages of its own, beside those of the tables."""
        return {}

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and request.user.is_active and request.user.is_staff

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inside: Callable[..., Any] = super().admin_view(view, cacheable)

        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_permission(request):
                raise Http404
            if (elsewhere := _to_second_factor(request)) is not None:
                return elsewhere
            request.current_app = self.name
            with timezone.override(ZoneInfo(request.user.time_zone or "UTC")):  # type: ignore[union-attr]
                answer: HttpResponse = inside(request, *args, **kwargs)
                return answer.render() if isinstance(answer, TemplateResponse) else answer  # its times are in that zone

        return door

    def get_urls(self) -> list[Any]:
        kept = [url for url in super().get_urls() if getattr(url, "name", None) not in UNUSED]
        return [*(path(f"{name}/", self.admin_view(view), name=name) for name, view in self.pages.items()), *kept]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return []  # we have a menu


def _to_second_factor(request: HttpRequest) -> HttpResponse | None:
    """Where staff goes first who has no second factor, or has not shown it in this session."""
    known = Authenticator.objects.filter(user=request.user, type__in=SECOND_FACTORS)
    kinds = set(known.values_list("type", flat=True))
    if not kinds:
        messages.warning(request, gettext("The back office asks for a second factor. Set one up, then come back."))
        return redirect("mfa_index")
    shown = any(record["method"] == "mfa" for record in get_authentication_records(request, request.user))
    if shown or request.session.get(SET_UP_HERE) == request.user.pk:
        return None
    page = "mfa_reauthenticate" if Authenticator.Type.TOTP in kinds else "mfa_reauthenticate_webauthn"
    return redirect(f"{reverse(page)}?{urlencode({'next': request.get_full_path()})}")


@receiver(authenticator_added)
def _note_set_up(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Who has just set up a second factor has shown it by that."""
    if authenticator.type in SECOND_FACTORS:
        request.session[SET_UP_HERE] = user.pk


class Capped(Paginator):  # type: ignore[type-arg]
    """Counts as far as anybody pages, and no further."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list.order_by()[:MOST_ROWS].count())  # type: ignore[attr-defined]

    @property
    def is_cut(self) -> bool:
        return self.count == MOST_ROWS


class List(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """Of a list that is neither searched nor filtered nothing is left to be shown."""
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


@dataclass(frozen=True, slots=True)
class Deed:
    """What can be done to one row: a button, and a page that asks. `do` takes the row, `by`, `now` and `address`."""

    word: Any  # on the button
    question: Any  # what will come of it
    done: Any  # what has come of it
    do: Callable[..., object]
    possible: Callable[[Row, datetime], bool]
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that belong to what a detail page shows, the first of them."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @property
    def lines(self) -> list[list[Any]]:
        return [[written(cell) for cell in row] for row in self.rows[:MOST_LINES]]

    @property
    def is_cut(self) -> bool:
        return len(self.rows) >= MOST_LINES


def shown(label: Any, read: str | Callable[[Row], Any], *, order: str | None = None) -> Callable[[Row], Any]:
    """A column, or a line of a detail page: an attribute (`.` goes on), or what `read` makes of the row."""

    def show(row: Row) -> Any:
        if not isinstance(read, str):
            return written(read(row))
        for part in read.split("."):
            row = getattr(row, part, None)
        return written(row)

    show.__name__ = read.replace(".", "_") if isinstance(read, str) else read.__name__.strip("_<>")
    show.short_description = label  # type: ignore[attr-defined]
    if order:
        show.admin_order_field = order  # type: ignore[attr-defined]
    return show


def written(value: Any) -> Any:
    """`value` in the reader's way, a dash where there is none."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return number(value)
    return "–" if value is None or value == "" else value


class Office(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pages of one table: a list, one row, and its deeds."""

    deeds: Mapping[str, Deed] = {}
    editable: Sequence[str] = ()
    lines: Sequence[Callable[[Row], Any]] = ()  # of the detail page
    light: Sequence[str] = ()  # columns that a list does not need to read

    actions = None
    paginator = Capped
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_display_links: Any
    change_list_template = "operator/list.html"
    change_form_template = "operator/one.html"

    @property
    def media(self) -> forms.Media:
        return forms.Media()  # no page needs a script

    def tables(self, row: Row) -> Iterator[Table]:
        yield from ()

    def rows(self) -> QuerySet[Any]:
        """All that may be shown."""
        found: QuerySet[Any] = self.model._default_manager.all()
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.rows().defer(*self.light)

    def get_object(self, request: Any, object_id: str, from_field: str | None = None) -> Row | None:
        return self.rows().filter(pk=object_id).first() if object_id.isdigit() else None

    def get_fields(self, request: Any, obj: Row | None = None) -> Any:
        return [*self.editable, *self.lines]

    def get_readonly_fields(self, request: Any, obj: Row | None = None) -> Any:
        return self.lines

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        return List

    def get_urls(self) -> list[URLPattern]:
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        kept = [url for url in super().get_urls() if url.name in (f"{info}_changelist", f"{info}_change")]
        deed = path("<int:pk>/<slug:deed>/", self.admin_site.admin_view(self.deed_view), name=f"{info}_deed")
        return [*kept, deed]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True  # the site's door has let him in

    def has_view_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return bool(self.editable)

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def log_change(self, request: HttpRequest, obj: Row, message: Any) -> Any:
        """The action has written its note in the audit trail."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": capfirst(self.opts.verbose_name_plural)})

    def render_change_form(
        self, request: Any, context: Any, add: bool = False, change: bool = False, form_url: str = "", obj: Row = None
    ) -> Any:
        now = timezone.now()
        deeds = [(name, deed) for name, deed in self.deeds.items() if obj and deed.possible(obj, now)]
        context |= {"title": str(obj), "subtitle": None, "deeds": deeds, "tables": list(self.tables(obj))}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def deed_view(self, request: HttpRequest, pk: int, deed: str) -> HttpResponse:
        """Ask before a deed, and do it when the answer comes."""
        row = get_object_or_404(self.rows(), pk=pk)
        if deed not in self.deeds:
            raise Http404
        asked, now = self.deeds[deed], timezone.now()
        pages = f"operator:{self.opts.app_label}_{self.opts.model_name}"
        back = reverse(f"{pages}_change", args=[pk])
        if not asked.possible(row, now):
            messages.warning(request, gettext("This is not possible any more."))
            return redirect(back)
        if request.method != "POST":
            facts = {"title": asked.word, "row": row, "deed": asked, "back": back}
            return TemplateResponse(request, "operator/deed.html", {**self.admin_site.each_context(request), **facts})
        try:
            asked.do(row, by=request.user, now=now, address=came_from(request))
        except Refused as error:
            messages.error(request, str(error))
        else:
            messages.success(request, asked.done)
        return redirect(back if self.rows().filter(pk=pk).exists() else f"{pages}_changelist")
