"""A function with an alias and versions, made by hand on the local AWS."""

from __future__ import annotations

import io
import zipfile

from poster.local.environment import LocalAws

HANDLER = """
import time
def handler(event, context):
    print("called")
    time.sleep(event.get("busy_s", 0))
    return {"instanceId": context.log_stream_name, "marker": "MARKER"}
"""


class App:
    """A function and its alias, made by hand: no template of ours knows them."""

    def __init__(self, aws: LocalAws, name: str) -> None:
        self.name = name
        self.lambda_ = aws.client("lambda")
        self.lambda_.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Role="arn:aws:iam::000000000000:role/todo",
            Handler="app.handler",
            Code={"ZipFile": code("m1")},
        )
        version = self.lambda_.publish_version(FunctionName=name)["Version"]
        self.lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion=version)

    def publish(self) -> str:
        """Publish the next version; the alias stays where it is."""
        count = len(self.lambda_.list_versions_by_function(FunctionName=self.name)["Versions"])
        self.lambda_.update_function_code(FunctionName=self.name, ZipFile=code(f"m{count}"))
        return str(self.lambda_.publish_version(FunctionName=self.name)["Version"])

    def point(self, version: str) -> None:
        self.lambda_.update_alias(FunctionName=self.name, Name="live", FunctionVersion=version)

    def versions(self) -> list[str]:
        listed = self.lambda_.list_versions_by_function(FunctionName=self.name)["Versions"]
        return [each["Version"] for each in listed][1:]


def code(marker: str) -> bytes:
    return zipped(HANDLER.replace("MARKER", marker))


def zipped(source: str) -> bytes:
    """Return the package of a function whose one module has this text."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", source)
    return file.getvalue()
