from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("downloads", "0003_what_to_do_with_a_taken_path")]

    operations = [
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(help_text="chosen at random by the process", max_length=32, unique=True),
                ),
                ("host", models.CharField(max_length=200)),
                ("pid", models.PositiveIntegerField()),
                ("version", models.CharField(max_length=32)),
                ("started_at", models.DateTimeField(help_text="by the database's clock, as seen_at")),
                ("seen_at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "worker", "ordering": ("-seen_at",)},
        ),
        migrations.CreateModel(
            name="WorkerLease",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fence", models.PositiveBigIntegerField(default=0)),
                (
                    "holder",
                    models.CharField(blank=True, default="", help_text='"" when it was given back', max_length=64),
                ),
                ("expires_at", models.DateTimeField()),
            ],
            options={"db_table": "worker_lease"},
        ),
        migrations.AddField(
            model_name="downloadhistory",
            name="fence",
            field=models.PositiveBigIntegerField(
                db_default=0,
                default=0,
                help_text="of the lease that its worker claimed it under; 0 under a lock",
            ),
        ),
    ]
