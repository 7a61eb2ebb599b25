"""What an update does to what is there."""

from importlib import import_module

import pytest
from django.apps import apps

from certwatch.models import ChangeCounter, Organisation


@pytest.mark.django_db
def test_an_update_does_not_tell_the_past(nordmuehle: Organisation) -> None:
    ChangeCounter.objects.create(org=nordmuehle, last=8123)
    import_module("certwatch.migrations.0003_nothing_told_of_old").take_as_told(apps, None)
    assert ChangeCounter.objects.get().noticed == 8123
