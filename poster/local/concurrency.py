"""What MiniStack lacks of Lambda's concurrency, in its process.

*Reserved*: Lambda counts the calls under way of all versions and aliases against the function's
limit of now. MiniStack holds a version to the limit that the function had when it was published.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html

*Provisioned*: MiniStack keeps what PutProvisionedConcurrencyConfig says and initialises nothing. It
does for SnapStart, one environment of a version as that is published; the same, as often as is
asked for, is what provisioned concurrency needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.core.lambda_runtime import acquire_worker, ensure_spawned, release_worker
from ministack.services import lambda_svc


def hold_versions_to_the_functions_limit() -> None:
    """Let MiniStack ask the function, not the version, for its reserved concurrency."""

    def reserved(_: object, config: Mapping[str, Any]) -> int | None:
        function = lambda_svc._functions.get(config["FunctionName"], {})
        limit: int | None = function.get("concurrency")
        return limit

    lambda_svc._reserved_concurrency = reserved


def initialise(function: str, version: str, environments: int) -> str | None:
    """Return when so many environments wait for calls; or why not, as a sentence."""
    try:
        record = lambda_svc._functions[function]["versions"][version]
    except KeyError:
        return f"there is no version {version} of {function}"
    config, code = record["config"], record["code_zip"]
    workers = [
        acquire_worker(function, config, code, qualifier=version)[0] for _ in range(environments)
    ]
    try:
        with ThreadPoolExecutor(environments) as starting:
            list(starting.map(ensure_spawned, workers))
    except Exception as error:  # whatever the function's init raised, as MiniStack words it
        return f"the init of version {version} of {function} failed: {error}"
    finally:
        for worker in workers:
            release_worker(worker)
    return None
