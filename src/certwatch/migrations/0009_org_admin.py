from django.db import migrations, models

import certwatch.models.base


def give_ids(apps, schema_editor):
    memberships = apps.get_model("certwatch", "Membership").across_orgs
    for key in memberships.values_list("pk", flat=True):
        memberships.filter(pk=key).update(public_id=certwatch.models.base.random_id())


class Migration(migrations.Migration):

    dependencies = [
        ("certwatch", "0008_check_requests"),
    ]

    operations = [
        migrations.AddField("export", "mailed_at", models.DateTimeField(null=True)),
        migrations.AddField("invitation", "access_ends", models.DateField(null=True)),
        migrations.AddField("membership", "public_id", models.CharField(max_length=16, null=True)),
        migrations.RunPython(give_ids, migrations.RunPython.noop),
        migrations.AlterField(
            "membership",
            "public_id",
            models.CharField(
                default=certwatch.models.base.random_id, editable=False, max_length=16, unique=True
            ),
        ),
    ]
