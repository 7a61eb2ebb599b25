"""Saved views of the list."""

import pytest

from certwatch.actions import views
from certwatch.models import Organisation, SavedView, User
from certwatch.rules.errors import Refused
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


def save(org: Organisation, by: User, name: str = "UCO", query: str = "tag=UCO", *, shared: bool = False) -> SavedView:
    return views.save(org, name=name, query=query, shared=shared, by=by, now=NOON, address=None)


def deeds(org: Organisation) -> list[str]:
    return list(org.audit_entries.order_by("pk").values_list("action", flat=True))


def test_one_sees_ones_own_views_and_what_others_share(nordmuehle: Organisation, anna: User, mia: User) -> None:
    save(nordmuehle, anna, "Anna's")
    save(nordmuehle, anna, "For all", shared=True)
    save(nordmuehle, mia, "Mia's")
    assert [view.name for view in views.visible(nordmuehle, mia)] == ["For all", "Mia's"]
    assert [view.name for view in views.visible(nordmuehle, anna)] == ["Anna's", "For all"]


def test_saving_under_the_same_name_changes_the_view(nordmuehle: Organisation, anna: User) -> None:
    first = save(nordmuehle, anna)
    again = save(nordmuehle, anna, query="tag=HVO")
    assert (again.pk, again.query) == (first.pk, "tag=HVO")


def test_two_people_may_use_the_same_name(nordmuehle: Organisation, anna: User, mia: User) -> None:
    assert save(nordmuehle, anna).pk != save(nordmuehle, mia).pk


def test_a_view_is_renamed_and_shared_but_takes_no_name_that_is_used(nordmuehle: Organisation, anna: User) -> None:
    view = save(nordmuehle, anna)
    save(nordmuehle, anna, "HVO")
    with pytest.raises(Refused):
        views.change(view, name="HVO", shared=False, by=anna, now=NOON, address=None)
    views.change(view, name=" Used  oil ", shared=True, by=anna, now=NOON, address=None)
    view.refresh_from_db()
    assert (view.name, view.shared) == ("Used oil", True)


def test_only_what_others_see_is_audited(nordmuehle: Organisation, anna: User) -> None:
    view = save(nordmuehle, anna)
    views.change(view, name="Oil", shared=False, by=anna, now=NOON, address=None)
    assert deeds(nordmuehle) == []
    views.change(view, name="Oil", shared=True, by=anna, now=NOON, address=None)
    views.change(view, name="Oil", shared=False, by=anna, now=NOON, address=None)
    again = save(nordmuehle, anna, "Oil", shared=True)
    views.remove(again, by=anna, now=NOON, address=None)
    assert deeds(nordmuehle) == ["view.shared", "view.unshared", "view.shared", "view.removed"]


def test_there_is_a_limit(nordmuehle: Organisation, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST", 2)
    save(nordmuehle, anna, "1")
    save(nordmuehle, anna, "2")
    save(nordmuehle, anna, "2", query="")
    with pytest.raises(Refused, match="2 saved views"):
        save(nordmuehle, anna, "3")
