"""Warnings about strata, before a list is made: too many of them undo the balance that they are for."""

from collections.abc import Mapping

from sessions.randomization.methods import Method, block_sizes_of, tolerance_of


def strata_warnings(
    expected: Mapping[str, float], *, method: Method, parameters: Mapping[str, object], slots_per_stratum: int
) -> list[str]:
    """Return sentences about a stratified design; none where there is nothing to say.

    Parameters
    ----------
    expected
        Participants expected in each stratum: the target times the stratum's share.

    Raises
    ------
    ValueError
        The parameters are not those of the method.
    """
    found = []
    total = sum(expected.values())
    if method is Method.PERMUTED_BLOCKS:
        largest = max(block_sizes_of(parameters))
        found += [
            f"Stratum {key} expects {count:.0f} participants, fewer than twice the largest block ({largest}). "
            f"Its blocks will often stay incomplete: use smaller blocks, fewer strata, or minimization."
            for key, count in expected.items()
            if count < 2 * largest
        ]
        reach = largest // 2
    elif method is Method.BIG_STICK:
        reach = tolerance_of(parameters)
        found += [
            f"Stratum {key} expects {count:.0f} participants, no more than the imbalance that big stick allows "
            f"({reach}). All of them may get the same sequence: use fewer strata or a smaller imbalance."
            for key, count in expected.items()
            if count <= reach
        ]
    else:
        reach = 0
    if len(expected) > 1 and len(expected) * reach > total / 2:
        found.append(
            f"With {len(expected)} strata the imbalances may add up to {len(expected) * reach} of {total:.0f} "
            "participants. Fewer strata keep the trial as a whole balanced."
        )
    found += [
        f"Stratum {key} expects {count:.0f} participants but has {slots_per_stratum} slots. Make the list longer."
        for key, count in expected.items()
        if count > slots_per_stratum and method is not Method.MINIMIZATION
    ]
    return found
