"""What changed before there were alerts is not told now: an installation that is updated would send its whole past."""

from django.db import migrations
from django.db.models import F


def take_as_told(apps, schema_editor):
    apps.get_model("certwatch", "ChangeCounter").objects.update(noticed=F("last"))


class Migration(migrations.Migration):
    dependencies = [("certwatch", "0002_alerts")]

    operations = [migrations.RunPython(take_as_told, migrations.RunPython.noop)]
