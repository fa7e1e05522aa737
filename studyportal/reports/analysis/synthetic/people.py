"""First stage: who takes part, drawn before anybody is allocated."""

from enum import IntEnum

import numpy as np

from studyportal.reports.analysis.synthetic.parameters import PeopleParameters, SyntheticParameters
from studyportal.reports.analysis.synthetic.records import (
    NALTREXONE_FIRST,
    PLACEBO_FIRST,
    PretreatmentOrder,
    Sex,
    SyntheticParticipant,
)


class Stream(IntEnum):
    """Names of the random streams; a stream's number never changes, so that old seeds keep their studies."""

    ENROLMENT = 1
    ALLOCATION = 2
    PERSON = 3
    TRAITS = 4
    MADRS = 5
    MADRS_ITEMS = 6
    GLX = 7
    SAFETY = 8
    SELF_REPORT = 9


def stream(seed: int, name: Stream, *key: int) -> np.random.Generator:
    """Return the generator of a named stream, e.g. of one participant's spectroscopy in one period.

    The key is the stream's address (`numpy.random.SeedSequence`, spawn key), so what one stream draws never moves
    another.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(name, *key))))


def draw_participants(parameters: SyntheticParameters, *, seed: int) -> tuple[SyntheticParticipant, ...]:
    """Return the participants in the order of enrolment.

    Parameters
    ----------
    parameters
        The study's assumptions.
    seed
        Any non-negative integer; the same one gives the same people.
    """
    people = parameters.people
    enrolment = stream(seed, Stream.ENROLMENT)
    sexes = [Sex.FEMALE] * people.women + [Sex.MALE] * people.men
    order = enrolment.permutation(len(sexes))
    first_days = np.cumsum(enrolment.integers(1, 2 * people.enrolment_spacing, size=len(sexes)))
    first_days -= first_days[0]
    return tuple(
        _draw_participant(people, seed, position, sexes[place], int(first_day))
        for position, (place, first_day) in enumerate(zip(order, first_days, strict=True), start=1)
    )


def draw_orders(participants: tuple[SyntheticParticipant, ...], *, seed: int) -> dict[int, PretreatmentOrder]:
    """Return an order of pretreatments for each position, balanced within sex and over all.

    For studies that are simulated without a randomization list; the demo study takes its sequences from the real one.
    """
    chooser = stream(seed, Stream.ALLOCATION)
    orders: dict[int, PretreatmentOrder] = {}
    turn = int(chooser.integers(2))
    for sex in Sex:
        positions = chooser.permutation([person.position for person in participants if person.sex is sex])
        for position in positions:
            orders[int(position)] = (PLACEBO_FIRST, NALTREXONE_FIRST)[turn]
            turn = 1 - turn
    return orders


def _draw_participant(
    people: PeopleParameters, seed: int, position: int, sex: Sex, first_day: int
) -> SyntheticParticipant:
    person = stream(seed, Stream.PERSON, position)
    age = _truncated_normal(person, people.age_mean, people.age_sd, people.age_range)
    interval = _truncated_normal(person, people.interval_mean, people.interval_sd, people.interval_range)
    return SyntheticParticipant(position, sex, age, (first_day, first_day + interval))


def _truncated_normal(generator: np.random.Generator, mean: float, sd: float, limits: tuple[int, int]) -> int:
    """Return a rounded normal deviate within the limits, drawn again until it is."""
    low, high = limits
    while not low <= (value := round(float(generator.normal(mean, sd)))) <= high:
        pass
    return value
