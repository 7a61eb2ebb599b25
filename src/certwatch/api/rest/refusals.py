"""What an action refuses, as a problem."""

from certwatch.actions import endpoints
from certwatch.api.rest.problems import Problem
from certwatch.rules.errors import Refused, UnknownName


def problem_of(error: Refused) -> Problem:
    """The answer to what was refused; what is wrong with one field is told where it is noticed."""
    if isinstance(error, UnknownName):
        return Problem(404, str(error))
    if isinstance(error, endpoints.SwitchedOff):
        return Problem(409, str(error), "endpoint_off")
    if isinstance(error, endpoints.TooMany):
        return Problem(422, str(error), "too_many")
    return Problem(422, str(error))
