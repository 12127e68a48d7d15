"""One Lambda function and its alias, changed through the Lambda API, one guarded call at a time.

Lambda refuses a change while an earlier one is in progress, so each change is made to a *settled*
function, whose last update is done. Each names the *revision* that it was decided on: when someone
else has changed the function or the alias since, AWS refuses, and that is a ConflictError. Nothing
is retried and nobody's change is overwritten.

A read may be behind: for some seconds it shows the state before a change. So what does not show our
own change yet is read again, and only then held against it.

What is known here is the control plane's view. Which version callers get, only their answers tell.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from poster.aws.alias import Shares, clause_of, routing_of, shares_of
from poster.aws.errors import sentence
from poster.deploy.package import Package
from poster.deploy.permission import Permission, gateway_permissions
from poster.deploy.release import ConflictError, DeployError, Release
from poster.rows.clock import Clock

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_lambda.type_defs import WaiterConfigTypeDef

CONFIG_MARKER = "CONFIG_MARKER"

# botocore's waiters look once a second for an update (300 times) but every 5 s for a version
# (312 times); the finer grain with the same patience makes the steps' times worth having.
_VERSION_WAITER: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 1560}
BEHIND_S = 30.0  # https://github.com/hashicorp/terraform-provider-aws/pull/14578 and its like
LOOK_AGAIN_S = 1.0
_CONFLICTS = {"ResourceConflictException", "PreconditionFailedException"}


@dataclasses.dataclass(frozen=True, slots=True)
class Alias:
    """Where the control plane says the alias points."""

    version: str
    weights: Mapping[str, float]  # shares of further versions; the rest is for ``version``
    revision: str

    def shares(self) -> Shares:
        """Return the share of the calls that each version is to get."""
        return shares_of(self.version, self.weights)

    def __str__(self) -> str:
        return clause_of(self.shares())


@dataclasses.dataclass(frozen=True, slots=True)
class Updated:
    """A function whose last update is done."""

    revision: str
    code_sha256: str
    variables: Mapping[str, str]

    def has(self, release: Release) -> bool:
        """Return whether its configuration is the release's."""
        return self.variables.get(CONFIG_MARKER) == release.config_marker


@dataclasses.dataclass(frozen=True, slots=True)
class Function:
    """The function of a stack; every method raises DeployError, ConflictError among them."""

    client: LambdaClient
    name: str
    alias_name: str
    clock: Clock
    _moved_from: set[str] = dataclasses.field(default_factory=set)  # the alias's revisions before

    def settled(self, shows: Callable[[Updated], bool] = lambda seen: True) -> Updated:
        """Wait until the last update is done, and return what the function is then.

        ``shows`` says whether that can be the state after our change. If it never is, what is seen
        is returned all the same: the function may be somebody else's by now.
        """
        looked_at_ns = self.clock.now_ns()
        until_ns = looked_at_ns + round(BEHIND_S * 1e9)
        while True:
            with self._call():
                self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name)
                configuration = self.client.get_function_configuration(FunctionName=self.name)
            seen = self._updated_in(configuration)
            # The waiter may have looked at a state that was behind.
            is_done = configuration.get("LastUpdateStatus") != "InProgress"
            if (is_done and shows(seen)) or looked_at_ns >= until_ns:
                return seen
            looked_at_ns = self.clock.now_ns() + round(LOOK_AGAIN_S * 1e9)
            self.clock.sleep_until_ns(looked_at_ns)

    def _updated_in(self, configuration: Mapping[str, Any]) -> Updated:
        environment = configuration.get("Environment", {})
        if "Error" in environment:
            # AWS leaves the variables out; writing back what is left would delete them all.
            reason = environment["Error"].get("Message", "no reason given")
            raise DeployError(f"the variables of function {self.name} cannot be read: {reason}")
        return Updated(
            revision=configuration["RevisionId"],
            code_sha256=configuration["CodeSha256"],
            variables=environment.get("Variables", {}),
        )

    def configure(self, seen: Updated, release: Release) -> None:
        """Begin to set the config marker; every other variable stays."""
        variables = {**seen.variables, CONFIG_MARKER: release.config_marker}
        with self._call():
            self.client.update_function_configuration(
                FunctionName=self.name,
                Environment={"Variables": variables},
                RevisionId=seen.revision,
            )

    def upload(self, seen: Updated, package: Package) -> None:
        """Begin to set the code."""
        with self._call():
            self.client.update_function_code(
                FunctionName=self.name, ZipFile=package.code, RevisionId=seen.revision
            )

    def require(self, seen: Updated, release: Release, package: Package) -> None:
        """Raise ConflictError unless the function is what ``configure`` and ``upload`` made it."""
        if seen.code_sha256 != package.sha256 or not seen.has(release):
            raise ConflictError(
                f"function {self.name} is not the release {release.marker} that was uploaded to"
                " it: someone else deploys to it; wait until that is done and run this again"
            )

    def publish(self, seen: Updated) -> str:
        """Publish what was seen and return the version's number, once it can be invoked."""
        with self._call():
            version = self.client.publish_version(
                FunctionName=self.name, CodeSha256=seen.code_sha256, RevisionId=seen.revision
            )["Version"]
            self.client.get_waiter("published_version_active").wait(
                FunctionName=self.name, Qualifier=version, WaiterConfig=_VERSION_WAITER
            )
        return str(version)

    def alias(self) -> Alias:
        """Return where the alias points; an answer from before a move of ours is none."""
        until_ns = self.clock.now_ns() + round(BEHIND_S * 1e9)
        while True:
            with self._call():
                answer = self.client.get_alias(FunctionName=self.name, Name=self.alias_name)
            if answer["RevisionId"] not in self._moved_from or self.clock.now_ns() >= until_ns:
                return _alias_in(answer)
            self.clock.sleep_until_ns(self.clock.now_ns() + round(LOOK_AGAIN_S * 1e9))

    def move_alias(self, seen: Alias, version: str, weights: Mapping[str, float]) -> Alias:
        """Point the alias, last seen as ``seen``, at a version; no weights means at it alone."""
        with self._call():
            answer = self.client.update_alias(
                FunctionName=self.name,
                Name=self.alias_name,
                FunctionVersion=version,
                # Left out, the weights of before would stay.
                RoutingConfig={"AdditionalVersionWeights": dict(weights)},
                RevisionId=seen.revision,
            )
        self._moved_from.add(seen.revision)
        return _alias_in(answer)

    def delete_version(self, version: str) -> None:
        """Delete a published version, whoever is still routed to it."""
        with self._call():
            self.client.delete_function(FunctionName=self.name, Qualifier=version)

    def take_permissions(self) -> list[Permission]:
        """Take the permission to invoke the alias from API Gateway; return what was taken."""
        alias: dict[str, Any] = {"FunctionName": self.name, "Qualifier": self.alias_name}
        taken: list[Permission] = []
        with self._call():
            permissions = gateway_permissions(json.loads(self.client.get_policy(**alias)["Policy"]))
        try:
            for each in permissions:
                with self._call():
                    self.client.remove_permission(**alias, StatementId=each["StatementId"])
                taken.append(each)
        except BaseException:
            self.give_permissions(taken)
            raise
        return taken

    def give_permissions(self, permissions: Sequence[Permission]) -> None:
        """Give back what was taken."""
        alias: dict[str, Any] = {"FunctionName": self.name, "Qualifier": self.alias_name}
        try:
            for each in permissions:
                with self._call():
                    self.client.add_permission(**alias, **each)
        except DeployError as error:
            ids = ", ".join(each["StatementId"] for each in permissions)
            raise DeployError(
                f"API Gateway may not invoke alias {self.alias_name} any more: deploy the stack"
                f" again, or add these permissions by hand: {ids} ({error})"
            ) from error

    def where_alias_stands(self) -> str:
        """Return that as a clause for an error's sentence; never raises for AWS's sake."""
        try:
            return f"alias {self.alias_name} is at {self.alias()}"
        except DeployError as error:
            return f"where alias {self.alias_name} is could not be read ({error})"

    @contextmanager
    def _call(self) -> Iterator[None]:
        try:
            yield
        except WaiterError as error:
            raise DeployError(f"function {self.name} did not settle: {_waited(error)}") from error
        except ClientError as error:
            if error.response["Error"].get("Code") in _CONFLICTS:
                raise ConflictError(
                    f"someone else changes function {self.name} at the same time:"
                    f" {sentence(error)} - wait until that is done and run this again"
                ) from error
            raise DeployError(sentence(error)) from error
        except BotoCoreError as error:
            raise DeployError(sentence(error)) from error


def _alias_in(answer: Mapping[str, Any]) -> Alias:
    version, weights = routing_of(answer)
    return Alias(version, weights, answer["RevisionId"])


def _waited(error: WaiterError) -> str:
    """Return why AWS gave up, where it says so, else how the wait ended."""
    last: Any = error.last_response or {}
    configuration = last.get("Configuration", last)
    reason = configuration.get("LastUpdateStatusReason") or configuration.get("StateReason")
    return f"{reason} ({error})" if reason else f"{error}"
