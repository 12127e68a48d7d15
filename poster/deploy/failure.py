"""How a deploy that does not reach its end is told, the same for every way."""

from __future__ import annotations

from collections.abc import Callable

from poster.deploy.release import DeployError, Steps
from poster.rows.clock import Clock
from poster.rows.record import Step, StepName


def with_failure_told(steps: Steps, clock: Clock, left: Callable[[], str] | None = None) -> Steps:
    """Yield the steps; a failure or Ctrl-C becomes a ``deploy-failed`` step, and goes on.

    The step's detail has ``after``, the last step that was taken, and ``error``, a sentence. What
    ``left`` returns, what the deploy leaves behind, is added to the sentence and to the error.
    """
    after: str | None = None
    try:
        for step in steps:
            after = step.name
            yield step
    except (DeployError, KeyboardInterrupt) as error:
        said = "interrupted" if isinstance(error, KeyboardInterrupt) else f"{error}"
        if left is not None:
            said = f"{said}; {left()}"
        if isinstance(error, DeployError):
            error.args = (said,)
        yield Step(StepName.DEPLOY_FAILED, clock.now_ns(), {"error": said, "after": after})
        raise
    except GeneratorExit:
        # Whoever took the steps takes no more. The way cleans up now, not when it is collected:
        # then an error of the clean-up would be lost.
        steps.close()
        raise
