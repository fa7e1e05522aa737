"""Who may do what: the only place where a role meets a permission.

`docs/reference/permissions.md` is generated from `ROLE_PERMISSIONS`. The administrator does not include unblinding,
and no role is a bypass. A person holds either blinded or unblinded roles in a study, never both; the database
refuses the mixture (accounts migration 0002).
"""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """One verb each; the prefix names the noun."""

    PARTICIPANT_VIEW = "participant_view"
    PARTICIPANT_SCREEN = "participant_screen"
    PARTICIPANT_WITHDRAW = "participant_withdraw"
    IDENTITY_VIEW = "identity_view"
    CONSENT_RECORD = "consent_record"
    ELIGIBILITY_RECORD = "eligibility_record"
    ELIGIBILITY_SIGN = "eligibility_sign"
    ALLOCATION_REQUEST = "allocation_request"
    SESSION_VIEW = "session_view"
    SESSION_SCHEDULE = "session_schedule"
    SESSION_CONDUCT = "session_conduct"
    SAFETY_RECORD = "safety_record"
    SAFETY_VIEW = "safety_view"
    SAFETY_ACKNOWLEDGE = "safety_acknowledge"
    SAFETY_EXPORT = "safety_export"
    SPECTRUM_UPLOAD = "spectrum_upload"
    SPECTRUM_QUALITY_VIEW = "spectrum_quality_view"
    METABOLITE_VIEW = "metabolite_view"
    STORED_FILES_WATCH = "stored_files_watch"
    QUANTIFICATION_REVIEW = "quantification_review"
    QUANTIFICATION_REPEAT = "quantification_repeat"
    PROTOCOL_VIEW = "protocol_view"
    PROTOCOL_DRAFT = "protocol_draft"
    PROTOCOL_SIGN = "protocol_sign"
    RATING_ASSIGN = "rating_assign"
    RATING_ENTER = "rating_enter"
    RATING_STATUS_VIEW = "rating_status_view"
    RATING_SCORE_VIEW = "rating_score_view"
    REPORT_VIEW = "report_view"
    DATA_EXPORT = "data_export"
    AUDIT_VIEW = "audit_view"
    TEAM_MANAGE = "team_manage"
    LIST_GENERATE = "list_generate"
    LIST_APPROVE = "list_approve"
    LIST_VIEW = "list_view"
    ALLOCATION_VIEW = "allocation_view"
    ALLOCATION_UNBLIND = "allocation_unblind"
    UNBLINDED_REPORT_VIEW = "unblinded_report_view"
    UNBLINDED_EXPORT = "unblinded_export"
    REVEAL_LOG_VIEW = "reveal_log_view"
    COMMITMENT_VIEW = "commitment_view"
    LIST_REVEAL = "list_reveal"
    REPLACEMENT_ARRANGE = "replacement_arrange"
    KIT_VIEW = "kit_view"
    KIT_SHIP = "kit_ship"
    KIT_RECEIVE = "kit_receive"
    KIT_DISPENSE = "kit_dispense"
    KIT_CHECK = "kit_check"
    KIT_RECONCILE = "kit_reconcile"
    KIT_CONTENT_VIEW = "kit_content_view"
    KIT_SUPPLY_VIEW = "kit_supply_view"
    UNBLINDING_NOTICE_VIEW = "unblinding_notice_view"
    DELIVERY_REQUEST = "delivery_request"
    STUDY_LOCK = "study_lock"
    STUDY_LOCK_CONFIRM = "study_lock_confirm"
    GUESS_RECORD = "guess_record"
    STUDY_UNBLIND = "study_unblind"
    CONTAGION_VIEW = "contagion_view"
    MAIL_WATCH = "mail_watch"
    ALLOCATION_CORRECT = "allocation_correct"
    SHEET_PRINT = "sheet_print"
    CONSENT_VERSION_SET = "consent_version_set"

    @property
    def words(self) -> str:
        """The permission as a sentence says it: the verb, then its noun."""
        noun, _, verb = self.value.replace("_", " ").rpartition(" ")
        return f"{verb} {noun}"


class Role(StrEnum):
    """The trial's people. `DESCRIPTIONS` says in words what each does."""

    COORDINATOR = "coordinator"
    INVESTIGATOR = "investigator"
    RATER = "rater"
    IMAGING_ANALYST = "imaging_analyst"
    DATA_MANAGER = "data_manager"
    STATISTICIAN = "statistician"
    MONITOR = "monitor"
    ADMINISTRATOR = "administrator"
    PHARMACIST = "pharmacist"
    UNBLINDED_STATISTICIAN = "unblinded_statistician"
    EMERGENCY_UNBLINDER = "emergency_unblinder"

    @property
    def label(self) -> str:
        """The role as the screen says it."""
        return self.value.replace("_", " ")


P = Permission

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.COORDINATOR: frozenset({
        P.PARTICIPANT_VIEW, P.PARTICIPANT_SCREEN, P.PARTICIPANT_WITHDRAW, P.IDENTITY_VIEW, P.CONSENT_RECORD,
        P.ELIGIBILITY_RECORD, P.ALLOCATION_REQUEST, P.SESSION_VIEW, P.SESSION_SCHEDULE, P.SESSION_CONDUCT,
        P.SAFETY_RECORD, P.SPECTRUM_UPLOAD, P.RATING_ASSIGN, P.RATING_STATUS_VIEW, P.RATING_SCORE_VIEW,
        P.REPORT_VIEW,
        P.COMMITMENT_VIEW,
        P.UNBLINDING_NOTICE_VIEW, P.GUESS_RECORD,
        P.MAIL_WATCH, P.ALLOCATION_CORRECT,
    }),
    Role.INVESTIGATOR: frozenset({
        P.PARTICIPANT_VIEW, P.PARTICIPANT_WITHDRAW, P.IDENTITY_VIEW, P.CONSENT_RECORD, P.ELIGIBILITY_RECORD,
        P.ELIGIBILITY_SIGN, P.SESSION_VIEW, P.SESSION_CONDUCT, P.SAFETY_RECORD, P.SAFETY_VIEW,
        P.SAFETY_ACKNOWLEDGE, P.RATING_STATUS_VIEW, P.RATING_SCORE_VIEW, P.REPORT_VIEW, P.PROTOCOL_VIEW,
        P.PROTOCOL_SIGN,
        P.COMMITMENT_VIEW,
        P.UNBLINDING_NOTICE_VIEW, P.DELIVERY_REQUEST, P.STUDY_LOCK_CONFIRM,
        P.ALLOCATION_CORRECT,
    }),
    Role.RATER: frozenset({P.RATING_ENTER}),
    Role.IMAGING_ANALYST: frozenset({
        P.PARTICIPANT_VIEW, P.SESSION_VIEW, P.SPECTRUM_UPLOAD, P.SPECTRUM_QUALITY_VIEW, P.METABOLITE_VIEW,
        P.QUANTIFICATION_REVIEW, P.QUANTIFICATION_REPEAT, P.PROTOCOL_VIEW, P.PROTOCOL_DRAFT, P.DATA_EXPORT,
        P.STORED_FILES_WATCH,
        P.COMMITMENT_VIEW,
    }),
    Role.DATA_MANAGER: frozenset({
        P.PARTICIPANT_VIEW, P.SESSION_VIEW, P.SPECTRUM_QUALITY_VIEW, P.RATING_STATUS_VIEW, P.RATING_SCORE_VIEW,
        P.REPORT_VIEW, P.DATA_EXPORT, P.SAFETY_EXPORT, P.AUDIT_VIEW, P.PROTOCOL_VIEW, P.STORED_FILES_WATCH,
        P.COMMITMENT_VIEW,
        P.UNBLINDING_NOTICE_VIEW, P.STUDY_LOCK,
        P.CONSENT_VERSION_SET,
    }),
    Role.STATISTICIAN: frozenset({
        P.PARTICIPANT_VIEW, P.SESSION_VIEW, P.SPECTRUM_QUALITY_VIEW, P.METABOLITE_VIEW, P.RATING_STATUS_VIEW,
        P.RATING_SCORE_VIEW, P.REPORT_VIEW, P.DATA_EXPORT, P.SAFETY_EXPORT, P.QUANTIFICATION_REPEAT, P.PROTOCOL_VIEW,
        P.PROTOCOL_DRAFT, P.PROTOCOL_SIGN,
        P.COMMITMENT_VIEW,
        P.UNBLINDING_NOTICE_VIEW, P.STUDY_LOCK,
    }),
    Role.MONITOR: frozenset({
        P.PARTICIPANT_VIEW, P.SESSION_VIEW, P.SAFETY_VIEW, P.SPECTRUM_QUALITY_VIEW, P.RATING_STATUS_VIEW,
        P.RATING_SCORE_VIEW, P.REPORT_VIEW, P.AUDIT_VIEW, P.PROTOCOL_VIEW,
        P.COMMITMENT_VIEW,
        P.UNBLINDING_NOTICE_VIEW,
    }),
    Role.ADMINISTRATOR: frozenset({
        P.TEAM_MANAGE, P.STORED_FILES_WATCH,
        P.COMMITMENT_VIEW,
        P.MAIL_WATCH,
    }),
    Role.PHARMACIST: frozenset({
        P.LIST_VIEW, P.LIST_APPROVE, P.ALLOCATION_VIEW, P.ALLOCATION_UNBLIND, P.REVEAL_LOG_VIEW,
        P.LIST_REVEAL,
        P.KIT_VIEW, P.KIT_RECEIVE, P.KIT_DISPENSE, P.KIT_CHECK, P.KIT_RECONCILE, P.KIT_CONTENT_VIEW,
        P.STUDY_UNBLIND, P.SHEET_PRINT,
    }),
    Role.UNBLINDED_STATISTICIAN: frozenset({
        P.LIST_VIEW, P.LIST_GENERATE, P.LIST_APPROVE, P.ALLOCATION_VIEW, P.ALLOCATION_UNBLIND,
        P.UNBLINDED_REPORT_VIEW, P.UNBLINDED_EXPORT, P.REVEAL_LOG_VIEW,
        P.LIST_REVEAL, P.REPLACEMENT_ARRANGE,
        P.KIT_VIEW, P.KIT_SHIP, P.KIT_RECONCILE, P.KIT_CONTENT_VIEW, P.KIT_SUPPLY_VIEW,
        P.STUDY_UNBLIND, P.CONTAGION_VIEW, P.SHEET_PRINT,
    }),
    Role.EMERGENCY_UNBLINDER: frozenset({P.ALLOCATION_UNBLIND}),
}  # fmt: skip

UNBLINDED_ROLES = frozenset({Role.PHARMACIST, Role.UNBLINDED_STATISTICIAN, Role.EMERGENCY_UNBLINDER})
BLINDED_ROLES = frozenset(Role) - UNBLINDED_ROLES
# Pages behind every other permission show participants or sessions, of which a rater may not know.
KNOWN_TO_RATERS = frozenset({P.RATING_ENTER, P.TEAM_MANAGE})
# What changes the study's data: refused for everybody while the study is locked. Versions of the analysis protocol and
# quantifying again have refusals of their own, which say more.
WRITES = frozenset({
    P.PARTICIPANT_SCREEN, P.PARTICIPANT_WITHDRAW, P.CONSENT_RECORD, P.ELIGIBILITY_RECORD, P.ELIGIBILITY_SIGN,
    P.ALLOCATION_REQUEST, P.SESSION_SCHEDULE, P.SESSION_CONDUCT, P.SAFETY_RECORD, P.SAFETY_ACKNOWLEDGE,
    P.SPECTRUM_UPLOAD, P.QUANTIFICATION_REVIEW, P.RATING_ASSIGN, P.RATING_ENTER, P.LIST_GENERATE, P.GUESS_RECORD,
})  # fmt: skip

DESCRIPTIONS: Mapping[Role, str] = {
    Role.COORDINATOR: "Runs screening, consent, scheduling, randomization and the sessions of a site.",
    Role.INVESTIGATOR: "Answers for the participants of a site: signs eligibility, acknowledges safety alerts.",
    Role.RATER: "Rates depression in interviews; sees neither earlier ratings nor what happened in the session.",
    Role.IMAGING_ANALYST: "Uploads spectra, reviews the fits and drafts the analysis protocol.",
    Role.DATA_MANAGER: "Watches completeness and consistency, reads the trail, exports data.",
    Role.STATISTICIAN: "Analyses data with the treatment hidden; signs the analysis protocol, as an investigator may.",
    Role.MONITOR: "Verifies records and safety, reads the trail.",
    Role.ADMINISTRATOR: "Manages accounts and memberships, watches stored files; sees no study data, cannot unblind.",
    Role.PHARMACIST: "Prepares what each allocation needs; treatment visible.",
    Role.UNBLINDED_STATISTICIAN: "Makes the randomization list and the unblinded reports; treatment visible.",
    Role.EMERGENCY_UNBLINDER: (
        "Physician on call outside of the study team: reveals one participant in an emergency; treatment visible."
    ),
}
