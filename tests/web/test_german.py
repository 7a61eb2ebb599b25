"""A walk through the pages in German: no English is left on them. `test_translations` looks at the texts themselves."""

import re
from html.parser import HTMLParser
from types import ModuleType

import pytest
import time_machine
from django.test import Client
from django.urls import NoReverseMatch, reverse

from certwatch.models import Organisation, User
from tests.conftest import NOON
from tests.doors import VISITORS, Door
from tests.test_doors import MODULES
from tests.web.back_office import held_run
from tests.web.test_translations import catalogue

pytestmark = pytest.mark.django_db

SILENT = {"script", "style", "code", "pre"}
READ_ALOUD = {"aria-label", "title", "placeholder", "alt", "data-l"}
ENGLISH = re.compile(
    r"\b([Tt]he|of|and|is|are|to|for|with|from|by|has|have|been|[Yy]ours?|[Yy]ou|[Tt]h(is|at|ese|ose)|[Ii]ts?|[Nn]ot?)\b"
)
BACK_OFFICE = [
    "", "jobs/", "sources/", "certwatch/organisation/", "certwatch/user/", "certwatch/sync/",
    "certwatch/contactmessage/", "certwatch/auditentry/", "certwatch/organisation/<org>/change/",
    "certwatch/organisation/<org>/close/", "certwatch/user/<user>/change/", "certwatch/sync/<run>/change/",
    "certwatch/sync/<run>/release/",
]  # fmt: skip
WITHIN = {"status within a sentence"}  # alone these are the API's words
NAMES = {"number", "Scope"}  # the API's name of a parameter, a register's own label


class Texts(HTMLParser):
    """What a page says, also to those who listen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self._silent.append(tag)
        named = READ_ALOUD | ({"value"} if ("type", "submit") in attrs else set())
        self.said += [value for name, value in attrs if name in named and value]

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data)


@pytest.fixture(scope="module")
def translated() -> set[str]:
    """Texts that are other ones in German, and no German words themselves."""
    texts = catalogue()
    german = {word for words in texts.values() for word in words}
    return {text for text, _, context in texts if text not in german and context not in WITHIN}


@pytest.fixture
def cast(nordmuehle: Organisation, otto: User, anna: User, mia: User, ben: User, clara: User) -> dict[str, User | None]:
    User.objects.update(language="de")
    return {"nobody": None, "clara": clara, "ben": ben, "mia": mia, "anna": anna, "otto": otto}


@pytest.mark.parametrize("module", MODULES, ids=[module.__name__.rpartition(".")[2] for module in MODULES])
def test_pages_say_nothing_in_english(
    module: ModuleType, cast: dict[str, User | None], nordmuehle: Organisation, translated: set[str]
) -> None:
    things = module.things(nordmuehle, cast) if hasattr(module, "things") else {}
    left: dict[str, str] = {}
    for door in module.DOORS:
        for visitor in ("nobody", "otto"):
            if door.method == "get" and door.answers[VISITORS.index(visitor)] in (200, 403, 404, 409, 410):
                client = Client(headers={"Accept-Language": "de"})
                if (user := cast[visitor]) is not None:
                    client.force_login(user)
                if hasattr(module, "enter"):
                    module.enter(client, user)
                left |= english(client, _address(door, nordmuehle, things), translated)
    assert left == {}


@pytest.mark.parametrize("place", BACK_OFFICE)
def test_the_back_office_says_nothing_in_english(
    place: str, office_of_kim: Client, otto: User, nordmuehle: Organisation, translated: set[str]
) -> None:
    User.objects.update(language="de")
    things = {"org": nordmuehle.pk, "user": otto.pk, "run": held_run(nordmuehle).pk}
    address = "/operator/" + re.sub(r"<(\w+)>", lambda found: str(things[found[1]]), place)
    with time_machine.travel(NOON, tick=False):
        assert english(office_of_kim, address, translated) == {}


def english(client: Client, address: str, translated: set[str]) -> dict[str, str]:
    """What is English on the page at `address` → the address."""
    answer = client.get(address)
    assert answer.status_code < 500
    if not answer.get("Content-Type", "").startswith("text/html"):
        return {}
    page = Texts()
    page.feed(answer.content.decode())
    said = {" ".join(text.split()) for text in page.said} - NAMES
    return {text: address for text in said if text.removesuffix(":") in translated or ENGLISH.search(text)}


def _address(door: Door, org: Organisation, things: dict[str, str]) -> str:
    args = [things.get(arg.strip("<>"), arg) for arg in door.args]
    try:
        return reverse(door.url, args=[org.slug, *args])
    except NoReverseMatch:
        return reverse(door.url, args=args)
