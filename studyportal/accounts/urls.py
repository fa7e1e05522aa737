"""Sign-in, one's own account, the choice of study and API tokens at both doors; the team at the blinded one.

Of allauth only what is named here is mounted: nobody signs up, resets a password by mail or brings an outside account.
"""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import path

from studyportal.accounts import sponsor_page, views
from studyportal.accounts.access import public, signed_in

shared = [
    path("", views.own_account, name="account"),
    path("study/", views.choose_study, name="choose-study"),
    path("tokens/", views.own_tokens, name="tokens"),
    path("tokens/<str:prefix>/revoke/", views.revoke_token, name="token-revoke"),
    path("login/", public(account.login), name="account_login"),
    path("logout/", views.sign_out, name="account_logout"),
    path("inactive/", public(account.account_inactive), name="account_inactive"),
    path("reauthenticate/", signed_in(account.reauthenticate), name="account_reauthenticate"),
    path("password/change/", signed_in(account.password_change), name="account_change_password"),
    path("2fa/", views.own_account, name="mfa_index"),
    path("2fa/authenticate/", public(mfa.authenticate), name="mfa_authenticate"),
    path("2fa/reauthenticate/", signed_in(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("2fa/recovery-codes/", signed_in(recovery_codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "2fa/recovery-codes/generate/",
        signed_in(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
]

urlpatterns = [
    *shared,
    path("team/", views.team, name="team"),
    path("sponsor/", sponsor_page.sponsor, name="sponsor"),
    path("team/<uuid:membership_id>/end/", views.end_role, name="team-end"),
    path("2fa/totp/activate/", signed_in(totp.activate_totp), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", signed_in(totp.deactivate_totp), name="mfa_deactivate_totp"),
]
