"""The end of a trial is an alert like others: what was mailed of it stands there."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("certwatch", "0003_nothing_told_of_old")]

    operations = [migrations.DeleteModel("TrialReminder")]
