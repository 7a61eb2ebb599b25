"""The list of certificates."""

from certwatch.models import Organisation, User
from tests.conftest import NOON
from tests.doors import CHANGE, CHANGED, LOGIN, READ, Door

DOORS = [
    Door("certificates", READ),
    Door("certificates", (LOGIN, 404, 302, 302, 302, 302, 404), data={"view": "<shared>"}),
    Door("certificates_csv", READ),
    Door("certificates_xlsx", READ),
    Door("save_view", READ),
    Door("save_view", (LOGIN, 404, 302, 302, 302, 302, 404), "post", data={"name": "Mine", "query": "status=valid"}),
    Door("change_view", (LOGIN, 404, 404, 404, 404, 200, 404), args=("<shared>",)),
    Door("change_view", (LOGIN, 404, 404, 404, 404, 302, 404), "post", ("<shared>",), {"name": "Ours"}),
    Door("remove_view", (LOGIN, 404, 302, 302, 302, 302, 404), "post", ("<shared>",)),
    Door("remove_view", (LOGIN, 404, 405, 405, 405, 405, 404), "get", ("<shared>",)),
    Door("change_many", CHANGE, "post", data={"do": "tag", "id": "<listed>"}),
    Door("change_many", CHANGED, "post", data={"do": "tag", "id": "<listed>", "text": "UCO", "confirmed": "1"}),
    Door("change_many", CHANGED, "post", data={"do": "remove", "id": "<listed>", "confirmed": "1"}),
    Door("change_many", CHANGED, "post", data={"do": "remove", "id": "<foreign>", "confirmed": "1"}),
    Door("change_many", (LOGIN, 404, 403, 405, 405, 405, 404)),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    def watched(of: Organisation) -> str:
        return of.certificates.create(number="N 1", number_key="n 1", match_key="n 1", added_at=NOON).public_id

    foreign = Organisation.objects.exclude(pk=org.pk).get()
    otto = org.memberships.get(role="owner").user
    view = org.saved_views.create(owner=otto, name="Otto's", query="kind=nis", shared=True, created_at=NOON)
    return {"listed": watched(org), "foreign": watched(foreign), "shared": view.public_id}
