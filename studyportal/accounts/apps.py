"""App configuration of the accounts floor."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, memberships, tokens and signatures."""

    name = "studyportal.accounts"
    label = "accounts"
