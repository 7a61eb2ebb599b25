"""Saved views of the list, as pages."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from certwatch.models import Organisation, SavedView, User
from tests.actions.watched import watch

pytestmark = pytest.mark.django_db

VIEWS = "/o/nordmuehle/certificates/views/"


def save(client: Client, name: str, query: str = "tag=UCO&sort=-number", **said: str) -> SavedView:
    response = client.post(VIEWS, {"name": name, "query": query, **said})
    assert response.status_code == 302, response.content
    return SavedView.across_orgs.latest("pk")


def test_a_filter_is_saved_and_found_again(nordmuehle: Organisation, client: Client, anna: User) -> None:
    watch(nordmuehle, "1", tags=["UCO"])
    client.force_login(anna)
    form = client.get(f"{VIEWS}?tag=UCO&sort=-number&after=x").content.decode()
    assert 'name="query" value="tag=UCO&amp;sort=-number"' in form
    view = save(client, "Used oil", "tag=UCO&sort=-number&evil=1")
    assert view.query == "tag=UCO&sort=-number"
    led = client.get(f"/o/nordmuehle/certificates/?view={view.public_id}", follow=True)
    assert led.redirect_chain == [("/o/nordmuehle/certificates/?tag=UCO&sort=-number", 302)]
    assert re.search(r'aria-current="true">Used oil', led.content.decode())


def test_an_auditor_keeps_his_own_but_shares_none(nordmuehle: Organisation, client: Client, ben: User) -> None:
    client.force_login(ben)
    assert 'name="shared"' not in client.get(VIEWS).content.decode()
    assert not save(client, "Mine", shared="on").shared


def test_nothing_is_kept_while_the_trial_is_over(nordmuehle: Organisation, client: Client, anna: User) -> None:
    watch(nordmuehle, "1")
    client.force_login(anna)
    view = save(client, "Oil")
    assert VIEWS in client.get("/o/nordmuehle/certificates/").content.decode()
    nordmuehle.trial_ends = datetime(2020, 1, 1, tzinfo=UTC)
    nordmuehle.save()
    listed = client.get("/o/nordmuehle/certificates/")
    assert listed.status_code == 200
    assert VIEWS not in listed.content.decode()
    for address in (VIEWS, f"{VIEWS}{view.public_id}/", f"{VIEWS}{view.public_id}/remove/"):
        assert client.post(address, {"name": "Oils", "query": ""}).status_code == 403
    assert [kept.name for kept in nordmuehle.saved_views.all()] == ["Oil"]


def test_a_view_is_shared_renamed_and_removed(
    nordmuehle: Organisation, client: Client, mia: User, anna: User, ben: User
) -> None:
    client.force_login(mia)
    view = save(client, "Oil", shared="on")
    assert client.post(f"{VIEWS}{view.public_id}/", {"name": "Used oil", "shared": "on"}).status_code == 302
    client.force_login(ben)
    listed = client.get(VIEWS).content.decode()
    assert "Used oil" in listed
    assert "Shared by Mia" in listed
    assert "Remove the view" not in listed
    client.post(f"{VIEWS}{view.public_id}/remove/")
    assert nordmuehle.saved_views.count() == 1
    client.force_login(anna)  # an admin tidies up
    client.post(f"{VIEWS}{view.public_id}/remove/")
    assert nordmuehle.saved_views.count() == 0


def test_a_view_that_is_shared_no_longer_is_gone_for_others(
    nordmuehle: Organisation, client: Client, mia: User, ben: User
) -> None:
    client.force_login(mia)
    view = save(client, "Oil", shared="on")
    client.post(f"{VIEWS}{view.public_id}/", {"name": "Oil"})
    client.force_login(ben)
    assert client.get(f"/o/nordmuehle/certificates/?view={view.public_id}").status_code == 404


def test_a_name_that_is_used_is_told_beside_its_field(nordmuehle: Organisation, client: Client, mia: User) -> None:
    client.force_login(mia)
    save(client, "Oil")
    other = save(client, "Fat")
    html = client.post(f"{VIEWS}{other.public_id}/", {"name": "Oil"}).content.decode()
    assert "You have another view with this name." in html
