"""Django's stock messages are never shown; a form's own words always are."""

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template import Context, Template

from sessions.vault_views.forms import NewListForm
from studyportal.fields import DateField
from studyportal.sentences import spoken


class Form(forms.Form):
    word = forms.CharField(max_length=3, min_length=2)
    pick = forms.ChoiceField(choices=[("a", "A")])
    number = forms.IntegerField(min_value=2, max_value=4)
    key = forms.UUIDField()
    file = forms.FileField()
    mail = forms.EmailField()
    day = DateField()
    own = forms.ChoiceField(choices=[], error_messages={"required": "Choose the site.", "invalid_choice": "Not here."})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("word", "", "Fill this in; it cannot stay empty."),
        ("word", "long", "Use 3 characters at most; these are 4."),
        ("word", "l", "Use 2 characters at least; these are 1."),
        ("word", "a\0b", "Type this anew: it holds characters that cannot be seen."),
        ("pick", "", "Choose one of the answers."),
        ("pick", "zz", "Choose one of the answers that are offered."),
        ("number", "x", "Enter a whole number, in digits."),
        ("number", "1", "Enter 2 or more."),
        ("number", "5", "Enter 4 or less."),
        ("key", "x", "This page was not sent whole. Open it again."),
        ("file", None, "Choose a file."),
        ("mail", "x", "Enter a valid email address."),
        ("day", "", "Enter the day, the month and the year."),
        ("own", "", "Choose the site."),
        ("own", "zz", "Not here."),
    ],
)
def test_each_stock_message_has_a_sentence(name: str, value: str | None, said: str) -> None:
    form = Form({name: value} if value is not None else {})
    assert spoken(form[name]) == [said]
    shown = Template("{{ field.as_field_group }}").render(Context({"field": form[name]}))
    assert said in shown


def test_an_empty_file_is_told_so() -> None:
    assert spoken(Form({}, {"file": SimpleUploadedFile("a", b"")})["file"]) == [
        "This file is empty. Choose another one."
    ]


def test_what_a_service_says_stays() -> None:
    form = Form({"word": "abc"})
    form.add_error("word", "The service says no.")
    assert spoken(form["word"]) == ["The service says no."]


def test_a_real_form_keeps_its_own_words() -> None:
    said = {"tolerance": "99", "slots_per_stratum": ""}
    given = {"sequences": ["AB", "BA"], "levels": {"site": ["01", "02"], "sex": ["F", "M"]}}
    form = NewListForm({**said, "method": "nonsense"}, **given)
    assert spoken(form["method"]) == ["Choose one of the methods."]
    assert spoken(form["tolerance"]) == ["Enter 20 or less."]
    form = NewListForm({**said, "method": "simple"}, **given)
    assert spoken(form["slots_per_stratum"]) == ["Enter how many slots."]


def test_a_page_without_the_form_says_nothing() -> None:
    assert Template("{% for error in form.word|sentences %}{{ error }}{% endfor %}").render(Context({})) == ""
