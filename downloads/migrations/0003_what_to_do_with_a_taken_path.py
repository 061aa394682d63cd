from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("downloads", "0002_when_it_tries_again")]

    operations = [
        migrations.AddField(
            model_name="downloadhistory",
            name="conflict",
            field=models.CharField(
                blank=True,
                choices=[("replace", "Replace"), ("keep_both", "Keep Both")],
                db_default="",
                default="",
                help_text="what a person wants where other bytes have the place of a file",
                max_length=16,
            ),
        ),
    ]
