"""The ways of deploying by name: what each is called, where it works, what it does.

A *way* is written NAME or NAME:ARGUMENTS, as on the command line. Whatever the way, the first
release of a run is deployed by ``sam``, which makes the stack; the way deploys those that follow.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from functools import partial

from poster.deploy import codedeploy, lambda_api, sam, shifted
from poster.deploy.release import Release, Steps
from poster.deploy.shifted import Hold, canary, linear
from poster.deploy.site import Site
from poster.errors import PosterError

Deploy = Callable[[Release, Site], Steps]


class WayError(PosterError):
    """There is no such way of deploying, or not on this target."""


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """A way of deploying, with its arguments."""

    text: str  # as it was given
    deploy: Deploy  # to a stack that is there
    first: Deploy = sam.deploy  # makes the stack
    hold_s: float = 0.0  # how long it keeps callers between the versions, where that is planned

    def require_target(self, target: str) -> None:
        """Raise WayError where this way does not work on ``target``."""
        lacking = _AWS_ONLY.get(_name(self.text))
        if target == "local" and lacking is not None:
            others = (form for form in FORMS if _name(form) not in _AWS_ONLY)
            raise WayError(
                f"{self.text} does not work on target local: the local AWS has no {lacking};"
                f" ways that do: {', '.join(others)}"
            )


def parse_way(text: str) -> Way:
    """Return the way that a text names. Raises WayError."""
    name, colon, given = text.partition(":")
    form = next((form for form in FORMS if _name(form) == name), None)
    if form is None:
        raise WayError(f"there is no way of deploying called {text!r}; ways: {', '.join(FORMS)}")
    if bool(colon) != (":" in form):
        raise WayError(f"{text!r} is not of the form {form}")
    try:
        return FORMS[form](text, given)
    except ValueError as error:
        raise WayError(f"{text!r} is not of the form {form}: {error}") from None


def _name(way: str) -> str:
    return way.partition(":")[0]


def _percent_and_seconds(given: str) -> tuple[float, float]:
    numbers = re.fullmatch(r"(\d{1,3}(?:\.\d+)?),(\d{1,5}(?:\.\d+)?)", given, re.ASCII)
    percent, seconds = map(float, numbers.groups()) if numbers else (0.0, 0.0)
    if not (0.1 <= percent < 100 and seconds > 0):
        raise ValueError("PCT is at least 0.1 and under 100, SECONDS over 0, as in 10,5")
    return percent, seconds


def _shifted(text: str, stages: list[Hold]) -> Way:
    hold_s = sum(stage.hold_s for stage in stages)
    return Way(text, partial(shifted.deploy, stages=stages), hold_s=hold_s)


def _codedeploy(text: str, given: str) -> Way:
    # SAM takes "false" for a preference that is switched off.
    if not re.fullmatch(r"[\w+=,.@-]{1,100}", given, re.ASCII) or given.lower() == "false":
        raise ValueError("NAME is a CodeDeploy configuration, as in Linear10PercentEvery1Minute")
    return Way(
        text,
        partial(codedeploy.deploy, configuration=given),
        first=partial(codedeploy.deploy_stack, configuration=given),
        hold_s=codedeploy.hold_s(given),
    )


def _first_without_alias(release: Release, site: Site) -> Steps:
    site.application.without_alias()
    return sam.deploy(release, site)


# How each way is written, and what makes it of its text and arguments; a ValueError says what is
# wanted.
FORMS: dict[str, Callable[[str, str], Way]] = {
    "sam": lambda text, _: Way(text, sam.deploy),
    "sam-express": lambda text, _: Way(text, partial(sam.deploy, express=True)),
    "lambda-api": lambda text, _: Way(text, lambda_api.deploy),
    "canary:PCT,SECONDS": lambda text, given: _shifted(text, canary(*_percent_and_seconds(given))),
    "linear:PCT,SECONDS": lambda text, given: _shifted(text, linear(*_percent_and_seconds(given))),
    "codedeploy:NAME": _codedeploy,
    "latest": lambda text, _: Way(text, lambda_api.deploy_latest, first=_first_without_alias),
    "delete-old": lambda text, _: Way(text, partial(lambda_api.deploy, delete_old=True)),
    "permission-gap": lambda text, _: Way(text, lambda_api.deploy_with_permission_gap),
}
_AWS_ONLY = {"sam-express": "express mode", "codedeploy": "CodeDeploy"}
