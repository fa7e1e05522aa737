"""Pages of sessions and of the randomization wizard."""

from django.urls import path

from sessions.views import corrections, messages, paper, randomization_waiting, randomize, session

ONE = "participants/<str:number>/"
SESSION = f"{ONE}sessions/<int:period>/"

urlpatterns = [
    path(f"{ONE}randomize/", randomize.wizard, name="randomize"),
    path(f"{ONE}randomization/", randomize.receipt, name="randomization-receipt"),
    path(
        "participants/<str:number>/randomization/receipt.pdf", randomize.receipt_pdf, name="randomization-receipt-pdf"
    ),
    path(f"{ONE}randomization/code.svg", randomize.code_picture, name="randomization-code"),
    path(f"{ONE}paper-randomization/", paper.paper, name="paper-randomization"),
    path(f"{ONE}strata/", corrections.strata, name="strata"),
    path(f"{ONE}randomized-in-error/", corrections.in_error, name="randomized-in-error"),
    path("messages/", messages.messages, name="messages"),
    path("messages/<uuid:message_id>/again/", messages.send_again, name="message-again"),
    path(f"{ONE}randomize/waiting/", randomization_waiting.waiting, name="randomization-waiting"),
    path(f"{ONE}randomize/cancel/", randomization_waiting.cancel, name="randomization-cancel"),
    path(SESSION, session.session, name="session"),
    path(f"{SESSION}schedule/", session.schedule, name="session-schedule"),
    path(f"{SESSION}start/", session.start, name="session-start"),
    path(f"{SESSION}doses/<str:kind>/", session.dose, name="session-dose"),
    path(f"{SESSION}complete/", session.complete, name="session-complete"),
    path(f"{SESSION}missed/", session.missed, name="session-missed"),
    path(f"{SESSION}adverse-events/", session.adverse_event, name="session-adverse-event"),
]
