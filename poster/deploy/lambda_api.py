"""The ways that go through the Lambda API and move callers all at once.

What lambroll, the SDKs and many scripts do. The stack stays as CloudFormation made it; the
function's code, its config marker and the alias go on without it.
"""

from __future__ import annotations

from collections.abc import Generator

from poster.deploy.failure import with_failure_told
from poster.deploy.function import Alias, Function, Updated
from poster.deploy.package import Package
from poster.deploy.release import DeployError, Release, Steps
from poster.deploy.site import Site
from poster.rows.record import Step, StepName


def deploy(release: Release, site: Site, *, delete_old: bool = False) -> Steps:
    """Publish the release and point the alias at it.

    With ``delete_old`` comes a hazard: the version of before is deleted at once, as ``lambroll
    deploy --keep-versions 1`` and many clean-up scripts do. The control plane allows it, since no
    alias points there any more; but callers are routed to it for some seconds yet, and get errors
    (https://github.com/DataBiosphere/azul/issues/7883).
    """
    function = site.function()
    steps = _moved(release, site, function, delete_old)
    return with_failure_told(steps, site.clock, function.where_alias_stands)


def deploy_with_permission_gap(release: Release, site: Site) -> Steps:
    """Publish the release and move the alias while API Gateway may not invoke it.

    A hazard: tools that replace a permission take the old one away first, and give the new one when
    everything else is done, as Terraform does with what it must make anew. Until then API Gateway
    answers 500 and invokes nothing (https://github.com/DataBiosphere/azul/issues/8301). The way out
    is to add the new permission, under another statement id, before the alias moves, and to take
    the old one away afterwards; or to leave the alias's permission alone, as ``deploy`` does.

    However the deploy ends, the permission is given back, or the error says that it is not.
    """
    function = site.function()
    steps = _moved_without_permission(release, site, function)
    return with_failure_told(steps, site.clock, function.where_alias_stands)


def deploy_latest(release: Release, site: Site) -> Steps:
    """Update the function that callers call without an alias: they see each half as it is made.

    Between the two updates the old code runs with the new configuration; such an answer is a
    *chimera*. There is no switch, so no alias-updated step, and no way back but another deploy.
    """
    steps = _overwritten(release, site, site.function())
    left = "there is no alias: callers get what was updated so far"
    return with_failure_told(steps, site.clock, lambda: left)


def _moved(release: Release, site: Site, function: Function, delete_old: bool) -> Steps:
    package = yield from site.packed(release)
    old, new = yield from published(release, package, site, function)
    function.move_alias(old, new, {})
    yield site.step(StepName.ALIAS_UPDATED, **{"from": old.version, "to": new})
    if delete_old:
        function.delete_version(old.version)
        yield site.step(StepName.VERSION_DELETED, version=old.version)
    yield site.step(StepName.DEPLOY_FINISHED, marker=release.marker)


def _moved_without_permission(release: Release, site: Site, function: Function) -> Steps:
    package = yield from site.packed(release)
    taken = function.take_permissions()
    try:
        yield site.step(StepName.PERMISSION_REMOVED)
        old, new = yield from published(release, package, site, function)
        function.move_alias(old, new, {})
        yield site.step(StepName.ALIAS_UPDATED, **{"from": old.version, "to": new})
    finally:
        function.give_permissions(taken)
    yield site.step(StepName.PERMISSION_ADDED)
    yield site.step(StepName.DEPLOY_FINISHED, marker=release.marker)


def _overwritten(release: Release, site: Site, function: Function) -> Steps:
    package = yield from site.packed(release)
    yield site.step(StepName.DEPLOY_STARTED, marker=release.marker)
    yield from _updated(release, package, site, function)
    yield site.step(StepName.DEPLOY_FINISHED, marker=release.marker)


def published(
    release: Release, package: Package, site: Site, function: Function
) -> Generator[Step, None, tuple[Alias, str]]:
    """Publish the packed release as a version; return the alias, not moved yet, and it.

    Raises DeployError, also when the alias is at that version already: Lambda publishes no new one
    for code and configuration that have not changed.
    """
    yield site.step(StepName.DEPLOY_STARTED, marker=release.marker)
    seen = yield from _updated(release, package, site, function)
    new = function.publish(seen)
    old = function.alias()
    if new == old.version:
        raise DeployError(
            f"there is nothing to deploy: version {new}, where alias {function.alias_name} is, has"
            f" release {release.marker} already"
        )
    yield site.step(StepName.VERSION_PUBLISHED, version=new)
    return old, new


def _updated(
    release: Release, package: Package, site: Site, function: Function
) -> Generator[Step, None, Updated]:
    """Set configuration, then code, each once the one before is done; return the function.

    The order is CloudFormation's (https://github.com/aws/aws-cdk/pull/33587). Raises DeployError.
    """
    before = function.settled()
    function.configure(before, release)
    yield site.step(StepName.CONFIGURATION_UPDATED, config_marker=release.config_marker)
    between = function.settled(lambda seen: seen.revision != before.revision and seen.has(release))
    yield site.step(StepName.UPDATE_SUCCESSFUL, of="configuration")
    function.upload(between, package)
    yield site.step(StepName.CODE_UPDATED, code_sha256=package.sha256)
    seen = function.settled(
        lambda seen: seen.revision != between.revision and seen.code_sha256 == package.sha256
    )
    function.require(seen, release, package)
    yield site.step(StepName.UPDATE_SUCCESSFUL, of="code")
    return seen
