"""What somebody believes was given in a period, said once and never changed."""

import uuid

from django.db import models

from studyportal import clock


class TreatmentGuess(models.Model):
    """A guess of one period's treatment, by the participant or by a rater; no treatment stands for "don't know".

    The participant's is entered by the coordinator in the participant's words. A guess is outcome data: it says what
    was believed, and is compared with what was given at the unblinded door only.
    """

    class Guesser(models.TextChoices):
        """Whose belief it is."""

        PARTICIPANT = "participant", "Participant"
        RATER = "rater", "Rater"

    class Certainty(models.TextChoices):
        """How sure."""

        GUESS = "guess", "Hardly more than a guess"
        FAIRLY = "fairly", "Fairly sure"
        SURE = "sure", "Sure"

    class Reason(models.TextChoices):
        """What the belief rests on, most of all."""

        EFFECT = "effect", "How it worked, or did not"
        SIDE_EFFECTS = "side_effects", "Side effects, or none"
        TOLD = "told", "Something that was said or seen"
        OTHER = "other", "Something else, or just a feeling"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey("study_sessions.StudySession", on_delete=models.PROTECT, related_name="guesses")
    guesser = models.CharField(max_length=12, choices=Guesser.choices)
    treatment = models.ForeignKey("study_sessions.Treatment", on_delete=models.PROTECT, null=True, related_name="+")
    certainty = models.CharField(max_length=8, choices=Certainty.choices, blank=True)
    reason = models.CharField(max_length=12, choices=Reason.choices, blank=True)
    entered_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("entered_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("session",), condition=models.Q(guesser="participant"), name="participant_guesses_once"
            ),
            models.UniqueConstraint(
                fields=("session", "entered_by"), condition=models.Q(guesser="rater"), name="rater_guesses_once"
            ),
            models.CheckConstraint(
                condition=models.Q(treatment__isnull=True, certainty="", reason="")
                | models.Q(treatment__isnull=False) & ~models.Q(certainty="") & ~models.Q(reason=""),
                name="guess_says_how_sure_and_why",
            ),
        )

    class Data:
        """What each field holds."""

        clinical = ("guesser", "treatment", "certainty", "reason")
        operational = ("id", "session", "entered_by", "entered_at")

    def __str__(self) -> str:
        return f"guess of the {self.guesser} about {self.session_id}"
