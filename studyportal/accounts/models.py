"""Users, memberships, API tokens and signatures."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models

from studyportal import clock
from studyportal.accounts.roles import UNBLINDED_ROLES, Role


class UserManager(BaseUserManager["User"]):
    """Creates users; there is no superuser, since no account bypasses the permission matrix."""

    def create_user(self, username: str, *, full_name: str, email: str = "", password: str | None = None) -> "User":
        """Create an active user; without a password the account cannot sign in until one is set."""
        user = self.model(username=username, full_name=full_name, email=self.normalize_email(email))
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who signs in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(max_length=64, unique=True, validators=[RegexValidator(r"^[a-z][a-z0-9._-]+$")])
    full_name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=clock.now, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    objects: ClassVar[UserManager] = UserManager()

    class Data:
        """What each field holds."""

        identifying = ("username", "full_name", "email")
        operational = ("id", "password", "last_login", "is_active", "date_joined")

    def __str__(self) -> str:
        return self.full_name

    def get_full_name(self) -> str:
        """Name as printed beside a signature."""
        return self.full_name


class StudyMembership(models.Model):
    """A role that a user holds in one study, at one site or at all of them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="memberships")
    site = models.ForeignKey("studies.Site", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=24, choices=[(role.value, role.label) for role in Role])
    is_unblinded = models.GeneratedField(
        expression=models.ExpressionWrapper(
            models.Q(role__in=sorted(UNBLINDED_ROLES)), output_field=models.BooleanField()
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "study", "role", "site"), name="membership_once", nulls_distinct=False
            ),
        )

    class Data:
        """What each field holds."""

        operational = ("id", "user", "study", "site", "role", "is_unblinded", "started_at", "ended_at")

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display()} in {self.study_id}"


class ApiToken(models.Model):
    """A personal, named, expiring key to the REST API of one door.

    Only the SHA-256 of the secret is kept; the secret is shown once, when it is made.
    """

    class Door(models.TextChoices):
        """Which door's API the token opens."""

        WEB = "web", "Treatment hidden"
        VAULT = "vault", "Treatment visible"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    door = models.CharField(max_length=5, choices=Door.choices)
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    class Data:
        """What each field holds."""

        operational = (
            "id", "user", "study", "door", "name", "prefix", "digest", "created_at", "expires_at", "last_used_at",
            "revoked_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class Enrolment(models.Model):
    """A link that opens an account of the unblinded door once: password and authenticator are chosen behind it.

    Only the SHA-256 of its secret is kept. The blinded logins hold no privilege on this table.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="enrolments")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at",)

    class Data:
        """What each field holds."""

        operational = ("id", "user", "digest", "made_at", "expires_at", "used_at")

    def __str__(self) -> str:
        return f"enrolment of {self.user_id}"


class Signature(models.Model):
    """An electronic signature: who, when, what it means, and the hash of what was on screen.

    `record_label` and `record_id` name the signed record without a foreign key: the floor knows no upper app. A
    signature is never changed but to be voided, visibly and with a reason, when the record it covers is corrected.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signatures")
    printed_name = models.CharField(max_length=120)
    meaning = models.CharField(max_length=240)
    record_label = models.CharField(max_length=60)
    record_id = models.UUIDField(db_index=True)
    content_sha256 = models.CharField(max_length=64)
    content = models.TextField()
    signed_at = models.DateTimeField()
    time_zone = models.CharField(max_length=40)
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ("signed_at",)

    class Data:
        """What each field holds."""

        identifying = ("printed_name",)
        clinical = ("content",)
        operational = (
            "id", "signer", "meaning", "record_label", "record_id", "content_sha256", "signed_at", "time_zone",
            "voided_at", "void_reason",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.printed_name}: {self.meaning}"
