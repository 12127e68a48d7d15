"""``poster run -- COMMAND`` on the local AWS: a deploy under the calls, the watcher's steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from poster.local.target import LocalTarget, Propagation
from tests.support.deployed import Deployed

pytestmark = pytest.mark.local_aws

# What an owner's script does with the AWS CLI: a new version, and the alias moved to it.
DEPLOY = """
import boto3, sys
function, alias = sys.argv[1:]
client = boto3.client("lambda")
settings = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
client.update_function_configuration(
    FunctionName=function, Environment={"Variables": {**settings, "CONFIG_MARKER": "yyy"}}
)
client.get_waiter("function_updated_v2").wait(FunctionName=function)
version = client.publish_version(FunctionName=function)["Version"]
client.update_alias(FunctionName=function, Name=alias, FunctionVersion=version)
print("published", version)
"""


@pytest.mark.skipif(shutil.which("sam") is None, reason="sam is not on the PATH")
def test_a_mixed_transition_is_reported_with_the_watchers_steps(tmp_path: Path) -> None:
    # Long enough that also callers on a busy machine get old code after new.
    with LocalTarget(Propagation("uniform:0,6", 1, ())) as target:
        run = Deployed(target, tmp_path, number=1)
        run.deploy("sam", "aaa")
        outputs = run.stack.outputs()
        (tmp_path / "deploy.py").write_text(DEPLOY)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "poster", "run", "--endpoint", outputs.endpoint),
                *("--method", "POST", "--function-name", outputs.function),
                *("--alias", outputs.alias, "--out", "out", "--max-fail", "0"),
                *("--", sys.executable, "deploy.py", outputs.function, outputs.alias),
            ],
            cwd=tmp_path,
            env=target.environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Safe from ")
    assert "after the deploy command ended" in done.stdout
    assert "| published 2" in done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    (transition,) = result["transitions"]
    assert (transition["from"], transition["to"]) == ("1", "2")
    assert result["verdict"] == "mixed"
    assert transition["switch_ns"] is not None
    lines = [json.loads(line) for line in (tmp_path / "out" / "history.jsonl").open()]
    steps = {row["name"]: row["detail"] for row in lines if row["kind"] == "step"}
    assert {"deploy-started", "version-published", "alias-updated", "deploy-finished"} <= set(steps)
    moved = steps["alias-updated"]
    assert (moved["from"], moved["to"], moved["weights"]) == ("1", "2", {})
    assert 0 < moved["seen_within_s"] < 5
