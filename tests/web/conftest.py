"""Pages need the static files' names."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import translation

from certwatch.models import User
from tests.web.back_office import let_in, with_second_factor


@pytest.fixture(autouse=True)
def _static_files(static_files: None) -> None:
    """Made once, for every test of a page."""


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """A request leaves the language of its page behind; the next test begins without."""
    yield
    translation.deactivate()


@pytest.fixture
def kim() -> User:
    """An operator with a second factor."""
    return with_second_factor(User.objects.create_user("kim@certwatch.example", name="Kim", is_staff=True))


@pytest.fixture
def office_of_kim(client: Client, kim: User) -> Client:
    return let_in(client, kim)
