"""The role of the physician on call: unblinded wherever the database itself asks which side a role is on."""

from django.db import migrations, models

OLD = "('pharmacist', 'unblinded_statistician')"
NEW = "('emergency_unblinder', 'pharmacist', 'unblinded_statistician')"
ROLES = (
    "coordinator", "investigator", "rater", "imaging_analyst", "data_manager", "statistician", "monitor",
    "administrator", "pharmacist", "unblinded_statistician", "emergency_unblinder",
)  # fmt: skip


def rewritten(before: str, after: str) -> str:
    """Return SQL that names `after` instead of `before` in the function and in the generated column."""
    quoted = before.replace("'", "''"), after.replace("'", "''")
    return f"""
DO $do$
BEGIN
    EXECUTE replace(pg_get_functiondef('public.refuse_mixed_blinding()'::regprocedure), '{quoted[0]}', '{quoted[1]}');
END $do$;
ALTER TABLE public.accounts_studymembership ALTER COLUMN is_unblinded SET EXPRESSION AS (role IN {after});
"""


class Migration(migrations.Migration):
    """The column's rows are computed anew; nobody's side changes, as nobody holds the role yet."""

    dependencies = [("accounts", "0004_credentials_of_one_door")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(rewritten(OLD, NEW), rewritten(NEW, OLD))],
            state_operations=[
                migrations.AlterField(
                    model_name="studymembership",
                    name="role",
                    field=models.CharField(choices=[(one, one.replace("_", " ")) for one in ROLES], max_length=24),
                ),
                migrations.AlterField(
                    model_name="studymembership",
                    name="is_unblinded",
                    field=models.GeneratedField(
                        db_persist=True,
                        expression=models.ExpressionWrapper(
                            models.Q(("role__in", ["emergency_unblinder", "pharmacist", "unblinded_statistician"])),
                            output_field=models.BooleanField(),
                        ),
                        output_field=models.BooleanField(),
                    ),
                ),
            ],
        )
    ]
