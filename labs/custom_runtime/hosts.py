"""What runs the custom runtimes: the Lambda API of a target.

The Runtime Interface Emulator is the other host (``labs.kit.rie``); the command puts it into
the same shape.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from labs.kit.invoking import Invoke, Reply
from poster.rows.record import TargetName


class LambdaHost:
    """Deployed functions, invoked through the Lambda API."""

    def __init__(
        self,
        name: str,
        target: TargetName,
        client: Callable[[str], Any],
        functions: Mapping[str, str],
    ) -> None:
        """``functions`` gives the physical name of each logical one."""
        self.name = name
        self.target = target
        self._lambda = client("lambda")
        self._functions = functions

    @contextmanager
    def opened(self, function: str) -> Iterator[Invoke]:
        """See ``Host``; whether something is running before is Lambda's."""

        def invoke(event: bytes) -> Reply:
            answer = self._lambda.invoke(
                FunctionName=self._functions[function], LogType="Tail", Payload=event
            )
            return Reply(
                status=answer["StatusCode"],
                payload=answer["Payload"].read(),
                function_error=answer.get("FunctionError"),
                log=base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"),
                request_id=answer["ResponseMetadata"].get("RequestId"),
            )

        yield invoke
