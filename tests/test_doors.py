"""Every address of the site × every visitor: the second line of defence of tenancy (architecture.md)."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from certwatch.models import Organisation, User
from tests import doors
from tests.doors import VISITORS, Door

MODULES: list[ModuleType] = [
    import_module(f"tests.doors.{module.name}") for module in pkgutil.iter_modules(doors.__path__)
]
DOORS: list[tuple[ModuleType, Door]] = [(module, door) for module in MODULES for door in module.DOORS]
# Addresses that stand in no table, each with its reason. Django's admin has its own doors (tests/web/test_operator.py).
NOT_IN_A_TABLE: set[str] = set()


pytestmark = pytest.mark.usefixtures("static_files")


@pytest.fixture
def cast(nordmuehle: Organisation, otto: User, anna: User, mia: User, ben: User, clara: User) -> dict[str, User | None]:
    operator = User.objects.create_user("operator@certwatch.example", name="Operator", is_staff=True, is_superuser=True)
    return dict(zip(VISITORS, (None, clara, ben, mia, anna, otto, operator), strict=True))


@pytest.mark.parametrize(
    ("module", "door"), DOORS, ids=[f"{door.method} {door.url} {place}" for place, (_, door) in enumerate(DOORS)]
)
def test_each_visitor_gets_what_the_table_says(
    module: ModuleType, door: Door, cast: dict[str, User | None], nordmuehle: Organisation
) -> None:
    got = []
    for visitor in VISITORS:
        with transaction.atomic():
            got.append(_visit(module, door, cast, visitor, nordmuehle))
            transaction.set_rollback(True)
    assert dict(zip(VISITORS, got, strict=True)) == dict(zip(VISITORS, door.answers, strict=True))


def test_no_address_is_missing_from_the_tables() -> None:
    named = {door.url for _, door in DOORS} | NOT_IN_A_TABLE
    assert sorted(name for name in _names(get_resolver()) if name not in named) == []


def _visit(module: ModuleType, door: Door, cast: dict[str, User | None], visitor: str, org: Organisation) -> int:
    things = {"slug": org.slug, **(module.things(org, cast) if hasattr(module, "things") else {})}
    client = Client()
    user = cast[visitor]
    if user is not None:
        client.force_login(user)
    if hasattr(module, "enter"):
        module.enter(client, user)
    args = [things.get(arg.strip("<>"), arg) for arg in door.args]
    address = _address(door.url, org, args)
    data = {name: things.get(value.strip("<>"), value) for name, value in door.data.items()}
    response = getattr(client, door.method)(address, data)
    if user is None and response.status_code == 302 and address.startswith(("/o/", "/me/")):
        assert response["Location"].startswith("/accounts/login/?next=")
    return int(response.status_code)


def _address(name: str, org: Organisation, args: list[str]) -> str:
    """Addresses below an organisation take its slug first."""
    pattern = next(p for p, below in _patterns(get_resolver(), "") if p.name == name)
    below_org = any(p is pattern and "slug:slug" in below for p, below in _patterns(get_resolver(), ""))
    return reverse(name, args=[org.slug, *args] if below_org else args)


def _patterns(resolver: URLResolver, prefix: str) -> Iterator[tuple[URLPattern, str]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            if entry.namespace:
                continue
            yield from _patterns(entry, prefix + str(entry.pattern))
        else:
            yield entry, prefix + str(entry.pattern)


def _names(resolver: URLResolver) -> set[str]:
    return {pattern.name for pattern, _ in _patterns(resolver, "") if pattern.name}
