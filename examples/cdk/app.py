"""A function behind the alias `live`, which has a Function URL; a deploy moves the alias."""

from __future__ import annotations

import os

import aws_cdk as cdk
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_

app = cdk.App()
keeps_versions = app.node.try_get_context("versions") != "delete"
stack = cdk.Stack(app, "orders-cdk" if keeps_versions else "orders-cdk-delete")
function = lambda_.Function(
    stack,
    "Orders",
    runtime=lambda_.Runtime.PYTHON_3_11,
    handler="handler.lambda_handler",
    code=lambda_.Code.from_asset("function"),
    # By default CDK deletes the former version in the deploy that replaces it, which callers whom
    # the alias's move has not reached yet get as 502.
    current_version_options=lambda_.VersionOptions(
        removal_policy=cdk.RemovalPolicy.RETAIN if keeps_versions else cdk.RemovalPolicy.DESTROY
    ),
)
live = lambda_.Alias(stack, "Live", alias_name="live", version=function.current_version)
if "AWS_ENDPOINT_URL" not in os.environ:  # the local AWS has no CodeDeploy
    codedeploy.LambdaDeploymentGroup(
        stack,
        "Shift",
        alias=live,
        deployment_config=codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE,
    )
url = live.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
cdk.CfnOutput(stack, "Url", value=url.url)
app.synth()
