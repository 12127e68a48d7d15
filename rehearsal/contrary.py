"""How AWS answers on a bad day: each contrary answer by name, and where it was seen.

A *contrary answer* stands between a request and MiniStack. It passes the request on, or answers
by itself, or changes what comes back. What it draws, it draws from a seed, and it never answers
what AWS would not.

========================= =====================================================================
name                      source
========================= =====================================================================
stale-reads               a read after a change shows the state before for some seconds:
                          hashicorp/terraform-provider-aws pull 14578
update-in-progress        LastUpdateStatus InProgress lasts 1 s for a zip file and 25 s for an
                          image or in a VPC (aws/aws-cdk pull 18536); until then changes are
                          refused with 409 (Lambda's guide, "Lambda function states")
provisioned-weights       an alias with provisioned concurrency keeps weights of the old version
                          beside the new one until it is allocated:
                          hashicorp/terraform-provider-aws pull 48116, terraform issue 24957
lambda-throttle           15 control-plane calls a second in all, then 429 (Lambda's quotas)
someone-elses-change      409 ResourceConflictException and 412 PreconditionFailedException
                          (Lambda's API reference of UpdateFunctionCode and UpdateAlias)
expired-token             ExpiredToken or ExpiredTokenException, 403, S3 400 (each service's list of
                          common errors); single sign-on gives keys for one hour
s3-throttle               503 SlowDown (S3's list of error codes)
cloudformation-throttle   400 Throttling, "Rate exceeded" (CloudFormation's common errors); SAM CLI
                          polls every 5 s because of it
stack-in-STATUS           states that a stack stays in (CloudFormation's guide, "Stack status
                          codes"); REVIEW_IN_PROGRESS is what an abandoned change set leaves
api-throttle              429 Too Many Requests by API Gateway's throttling (its guide)
function-throttle         500 by a REST API whose function is throttled:
                          aws-solutions/fhir-works-on-aws issue 691
waf                       403 Forbidden by a WAF rule (WAF's guide, "Rule actions")
purge-in-progress         an invalidation takes a while (CloudFront's guide, "Invalidate files")
latest-published          a version named $LATEST.PUBLISHED (Lambda's guide, managed instances)
========================= =====================================================================
"""

from __future__ import annotations

import dataclasses
import json
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.aws import Contrary, Forward
from rehearsal.calls import EXECUTE_API, Call
from rehearsal.proxy import Answer, Request

READS = {"GetFunction", "GetFunctionConfiguration", "GetAlias"}
UPDATES = {"UpdateFunctionCode", "UpdateFunctionConfiguration"}
_QUERY_SERVICES = {"sts", "cloudformation", "iam", "sns"}
Fits = Callable[[Call], bool]


def one_after_the_other(contraries: list[Contrary]) -> Contrary:
    """Return what lets a request pass each of them, the first one first."""

    def answer(request: Request, call: Call, forward: Forward) -> Answer:
        for contrary in reversed(contraries):
            forward = _through(contrary, call, forward)
        return forward(request)

    return answer


def _through(contrary: Contrary, call: Call, forward: Forward) -> Forward:
    return lambda request: contrary(request, call, forward)


# What AWS refuses with, as its protocols write it.


def refusal(call: Call, status: int, code: str, message: str) -> Answer:
    """Return an error as the service of the call would write it."""
    if call.service == "s3" or call.service in _QUERY_SERVICES:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        wrapped = error if call.service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
        return Answer(status, (("Content-Type", "text/xml"),), wrapped.encode())
    body = json.dumps({"Type": "User", "message": message, "__type": code}).encode()
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", code))
    return Answer(status, headers, body)


class Refusing:
    """Refuses a share of the calls that fit, or the first few of them."""

    def __init__(
        self,
        fits: Fits,
        refused: Callable[[Call], Answer],
        share: float = 1.0,
        most: int | None = None,
        seed: int = 0,
    ) -> None:
        self.given = 0
        self._fits = fits
        self._refused = refused
        self._share = share
        self._most = most
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, request: Request, call: Call, forward: Forward) -> Answer:
        """Answer."""
        with self._lock:
            is_left = self._most is None or self.given < self._most
            refuses = is_left and self._fits(call) and self._random.random() < self._share
            self.given += refuses
        return self._refused(call) if refuses else forward(request)


def _of(service: str, *operations: str) -> Fits:
    return lambda call: call.service == service and (not operations or call.operation in operations)


def lambda_throttle(*operations: str, **how: Any) -> Refusing:
    """Return 429 for Lambda's control plane, or for some of its operations."""
    fits = _of("lambda", *operations)
    return Refusing(
        lambda call: fits(call) and call.operation != "Invoke",
        lambda call: refusal(call, 429, "TooManyRequestsException", "Rate exceeded"),
        **how,
    )


def someone_elses_change(operation: str, **how: Any) -> Refusing:
    """Return the refusal of a change that somebody else was faster with."""
    is_revision = operation == "UpdateAlias"
    status, code = (412, "PreconditionFailedException") if is_revision else _CONFLICT
    said = "The Revision Id provided does not match the latest Revision Id."
    message = said if is_revision else _IN_PROGRESS
    return Refusing(
        _of("lambda", operation), lambda call: refusal(call, status, code, message), **how
    )


def s3_throttle(**how: Any) -> Refusing:
    """Return 503 SlowDown."""
    message = "Please reduce your request rate."
    return Refusing(_of("s3"), lambda call: refusal(call, 503, "SlowDown", message), **how)


def cloudformation_throttle(*operations: str, **how: Any) -> Refusing:
    """Return 400 Throttling."""
    fits = _of("cloudformation", *operations)
    return Refusing(fits, lambda call: refusal(call, 400, "Throttling", "Rate exceeded"), **how)


def _gateway(status: int, kind: str, message: str) -> Callable[..., Refusing]:
    answer = Answer(
        status,
        (("Content-Type", "application/json"), ("x-amzn-ErrorType", kind)),
        json.dumps({"message": message}).encode(),
    )
    return lambda **how: Refusing(_of(EXECUTE_API), lambda _: answer, **how)


api_throttle = _gateway(429, "TooManyRequestsException", "Too Many Requests")
function_throttle = _gateway(500, "InternalServerErrorException", "Internal server error")
waf = _gateway(403, "ForbiddenException", "Forbidden")


class ExpiredTokens:
    """Refuses every call that is signed with keys that are not ``valid`` any more."""

    def __init__(self, valid: Callable[[str], bool]) -> None:
        self._valid = valid

    def __call__(self, request: Request, call: Call, forward: Forward) -> Answer:
        """Answer."""
        signed = re.search(r"Credential=([^/]+)/", request.header("Authorization"))
        if signed is None or self._valid(signed[1]):
            return forward(request)
        is_xml = call.service == "s3" or call.service in _QUERY_SERVICES
        code = "ExpiredToken" if is_xml else "ExpiredTokenException"
        status = 400 if call.service == "s3" else 403
        return refusal(call, status, code, "The security token included in the request is expired")


# What AWS shows late, or shows for a while.


class StaleReads:
    """Shows the state before for ``seconds`` from when a change was first looked for.

    Not always: as with copies of which some are behind, a ``share`` of the reads is stale.
    """

    def __init__(self, seconds: float, share: float = 0.5, seed: int = 0) -> None:
        self._seconds = seconds
        self._share = share
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._shown: dict[str, Answer] = {}  # by path: what was shown before the change
        self._changed: dict[str, tuple[bytes, float]] = {}  # by path: the new state, and when

    def __call__(self, request: Request, call: Call, forward: Forward) -> Answer:
        """Answer."""
        fresh = forward(request)
        if call.service != "lambda" or call.operation not in READS or fresh.status != 200:
            return fresh
        with self._lock:
            before = self._shown.setdefault(request.path, fresh)
            if before.body == fresh.body:
                return fresh
            now = time.monotonic()
            seen, since = self._changed.setdefault(request.path, (fresh.body, now))
            if seen != fresh.body:
                self._changed[request.path] = (fresh.body, now)
                since = now
            if now - since < self._seconds:
                return before if self._random.random() < self._share else fresh
            self._shown[request.path] = fresh
            return fresh


_CONFLICT = (409, "ResourceConflictException")
_IN_PROGRESS = (
    "The operation cannot be performed at this time. An update is in progress for resource"
)


class UpdateInProgress:
    """Lets each update of a function take ``seconds``, in which it can be read and not changed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[str, float] = {}

    def __call__(self, request: Request, call: Call, forward: Forward) -> Answer:
        """Answer."""
        if call.service != "lambda" or "FunctionName" not in call.names:
            return forward(request)
        function = name_of(call.names["FunctionName"])
        is_busy = time.monotonic() < self._until.get(function, 0.0)
        if is_busy and call.operation in {*UPDATES, "PublishVersion"}:
            return refusal(call, *_CONFLICT, f"{_IN_PROGRESS}: {function}")
        answer = forward(request)
        if call.operation in UPDATES and answer.status == 200:
            self._until[function] = time.monotonic() + self._seconds
            is_busy = True
        is_of_latest = "Qualifier" not in call.names and call.operation != "GetAlias"
        if is_busy and is_of_latest and call.operation in READS | UPDATES:
            return changed(answer, _in_progress)
        return answer


def _in_progress(said: dict[str, Any]) -> None:
    configuration = said.get("Configuration", said)
    configuration["LastUpdateStatus"] = "InProgress"
    configuration["LastUpdateStatusReasonCode"] = "Creating"


class ProvisionedWeights:
    """Keeps all weight on the old version for ``seconds`` after an alias was moved at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._was: dict[str, str] = {}  # the version of an alias, by path
        self._moved: dict[str, tuple[str, float]] = {}  # from where, until when

    def __call__(self, request: Request, call: Call, forward: Forward) -> Answer:
        """Answer."""
        answer = forward(request)
        if call.service != "lambda" or call.operation not in {"GetAlias", "UpdateAlias"}:
            return answer
        if answer.status != 200:
            return answer
        alias = f"{name_of(call.names['FunctionName'])}:{call.names['Name']}"
        version = json.loads(answer.body)["FunctionVersion"]
        before = self._was.get(alias, version)
        self._was[alias] = version
        if before != version:
            self._moved[alias] = (before, time.monotonic() + self._seconds)
        old, until = self._moved.get(alias, (version, 0.0))
        if time.monotonic() >= until or old == version:
            return answer
        weights = {"RoutingConfig": {"AdditionalVersionWeights": {old: 1.0}}}
        return changed(answer, lambda said: said.update(weights))


@dataclasses.dataclass(frozen=True, slots=True)
class StackIn:
    """Shows a stack in a status that it does not leave by itself, whether it is there or not."""

    stack: str
    status: str

    def __call__(self, request: Request, call: Call, forward: Forward) -> Answer:
        """Answer."""
        answer = forward(request)
        if call.service != "cloudformation" or call.operation != "DescribeStacks":
            return answer
        if call.names.get("StackName") != self.stack:
            return answer
        status = f"<StackStatus>{self.status}</StackStatus>"
        if answer.status == 200:
            body = re.sub(r"<StackStatus>\w+</StackStatus>", status, answer.body.decode())
            return with_body(answer, body.encode())
        body = (
            '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">'
            f"<DescribeStacksResult><Stacks><member><StackName>{self.stack}</StackName>{status}"
            "<CreationTime>2026-01-01T00:00:00Z</CreationTime></member></Stacks>"
            "</DescribeStacksResult></DescribeStacksResponse>"
        )
        return Answer(200, (("Content-Type", "text/xml"),), body.encode())


def latest_published(request: Request, call: Call, forward: Forward) -> Answer:
    """List a version that is called ``$LATEST.PUBLISHED`` among those of every function."""
    answer = forward(request)
    if call.service != "lambda" or call.operation != "ListVersionsByFunction":
        return answer

    def add(said: dict[str, Any]) -> None:
        said["Versions"].append({**said["Versions"][0], "Version": "$LATEST.PUBLISHED"})

    return changed(answer, add)


def purge_in_progress(request: Request, call: Call, forward: Forward) -> Answer:
    """Say of a new invalidation that it goes on; the next look finds it complete."""
    answer = forward(request)
    if call.operation != "CreateInvalidation":
        return answer
    return with_body(answer, answer.body.replace(b">Completed<", b">InProgress<"))


def name_of(function: str) -> str:
    """Return the name of a function that may be given by its ARN, with or without alias."""
    parts = function.split(":")
    return parts[6] if parts[0] == "arn" else parts[0]


def changed(answer: Answer, change: Callable[[dict[str, Any]], None]) -> Answer:
    """Return the answer with the change made to its JSON; a refusal is left alone."""
    if answer.status >= 300:
        return answer
    said = json.loads(answer.body)
    change(said)
    return with_body(answer, json.dumps(said).encode())


def with_body(answer: Answer, body: bytes) -> Answer:
    """Return the answer with another body."""
    kept = tuple((k, v) for k, v in answer.headers if k.lower() != "content-length")
    return Answer(answer.status, kept, body)


# Everything at once.

SHARE_OF_REFUSALS = 0.05


def bad_day(seed: int) -> Mapping[str, Contrary]:
    """Return everything that a run can live through, at once, moderately, by name."""
    rare = SHARE_OF_REFUSALS
    return {
        "stale-reads": StaleReads(seconds=2.0, seed=seed),
        "provisioned-weights": ProvisionedWeights(seconds=1.0),
        "update-in-progress": UpdateInProgress(seconds=1.0),
        "lambda-throttle": lambda_throttle(share=rare, seed=seed + 1),
        "s3-throttle": s3_throttle(share=rare, seed=seed + 2),
        "cloudformation-throttle": cloudformation_throttle(share=rare, seed=seed + 3),
        "api-throttle": api_throttle(share=0.01, seed=seed + 4),
        "function-throttle": function_throttle(share=0.01, seed=seed + 5),
        "waf": waf(share=0.01, seed=seed + 6),
        "latest-published": latest_published,
    }
