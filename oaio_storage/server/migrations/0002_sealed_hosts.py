from django.db import migrations, models


class Migration(migrations.Migration):
    """What was plain is sealed by the first start that follows, which has the key."""

    dependencies = [
        ("oaio", "0001_initial"),
    ]

    operations = [
        migrations.RenameField(model_name="host", old_name="args", new_name="sealed"),
        migrations.AddField(model_name="host", name="is_default", field=models.BooleanField(default=False)),
    ]
