"""The line about the demo's spectra."""

import pytest
from django.template import Context, Template

from studyportal.demo import progress
from studyportal.demo.progress import Progress
from tests.factories import journey
from tests.factories.world import World

LINE = Template("{% load demo %}{% demo_progress study %}")


def said(study: object) -> str:
    return LINE.render(Context({"study": study})).strip()


@pytest.mark.django_db
def test_it_is_shown_while_spectra_lack_and_only_for_a_synthetic_study(world: World, monkeypatch) -> None:
    journey.activate_list(world)
    journey.held(world, journey.randomized(world))
    assert progress.progress_of(world.study) == Progress(0, 1)
    assert "SYNTHETIC demo: 0 of 1 spectra are quantified" in said(world.study)
    world.study.is_synthetic = False
    assert said(world.study) == ""
    assert said(None) == ""


@pytest.mark.django_db
def test_it_is_silent_when_nothing_lacks(world: World) -> None:
    assert said(world.study) == ""
