from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("downloads", "0004_workers_and_their_lease")]

    operations = [
        migrations.AddField(
            model_name="downloadhistory",
            name="is_latest",
            field=models.BooleanField(
                db_default=True,
                default=True,
                editable=False,
                help_text="no later install of the same id is on record",
            ),
        ),
        migrations.RunSQL(
            "UPDATE download_history SET is_latest = FALSE "
            "WHERE id NOT IN (SELECT MAX(id) FROM download_history GROUP BY preset_id)",
            migrations.RunSQL.noop,
        ),
        migrations.AddIndex(
            model_name="downloadhistory",
            index=models.Index(
                fields=["status", "-id"], condition=models.Q(("is_latest", True)), name="download_latest"
            ),
        ),
        migrations.AddIndex(
            model_name="downloadhistory",
            index=models.Index(
                fields=["preset_id"], condition=models.Q(("is_latest", True)), name="download_latest_of_id"
            ),
        ),
        migrations.AddIndex(
            model_name="downloadhistory",
            index=models.Index(
                fields=["position", "id", "status"],
                condition=models.Q(("status__in", ["queued", "downloading", "paused", "waiting"])),
                name="download_place",
            ),
        ),
        migrations.AddIndex(
            model_name="downloadfile",
            index=models.Index(
                fields=["download"],
                condition=models.Q(("status__in", ["completed", "skipped"]), _negated=True),
                name="download_file_unfinished",
            ),
        ),
        migrations.AddIndex(
            model_name="downloadfile",
            index=models.Index(
                fields=["download"], condition=models.Q(("discard", True)), name="download_file_discard"
            ),
        ),
    ]
