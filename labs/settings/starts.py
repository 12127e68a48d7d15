"""Starts execution environments of every variant in turns, on AWS's Runtime Interface Emulator.

A *start* is what Lambda does before a first answer, as far as it can be done here: the package is
unpacked into an empty folder, the runtime client starts, the handler's module is imported, the
first call is answered. Some calls follow on the warm environment. Each *round* starts every variant
once, in an order of its own, so that what slows the machine for a while slows all of them.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from labs.kit.python_on_rie import PythonOnRie
from labs.kit.rie import RieError
from labs.settings.store import Store

EVENT = b'{"todoId": "t01-0001"}'
WARM_CALLS = 25
_MB = 1_000_000
_FILE = "app.py"


@dataclasses.dataclass(frozen=True, slots=True)
class Variant:
    """A handler, and how much is packed with it that nothing reads."""

    name: str
    module: str  # of the folder inits/
    padding_mb: int = 0


BASE = Variant("boto3 client at init", "boto3_client")
VARIANTS = (
    BASE,
    Variant("no import at all", "nothing"),
    Variant("botocore client", "botocore_client"),
    Variant("boto3 resource", "boto3_resource"),
    Variant("imported at the first call", "lazy"),
    Variant("client made in the handler", "inside"),
    Variant("connection closed after each call", "closing"),
    Variant("10 MB more in the package", "boto3_client", 10),
    Variant("50 MB more in the package", "boto3_client", 50),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """What one environment of a variant took, in milliseconds."""

    variant: str
    round: int
    unpack_ms: float
    init_ms: float
    first_ms: float  # the first call's duration, without the init
    warm_ms: tuple[float, ...]


def started(binary: Path, inits: Path, rounds: int, folder: Path, seed: int) -> Iterator[Start]:
    """Yield every start. Raises RieError, and OSError where a package cannot be written."""
    order = Random(seed)
    packages = {each.name: _package(each, inits, folder, order) for each in VARIANTS}
    with Store(folder) as store:
        for number in range(rounds):
            for variant in order.sample(VARIANTS, len(VARIANTS)):
                with tempfile.TemporaryDirectory(dir=folder) as code:
                    package, at = packages[variant.name], Path(code)
                    yield _start(variant.name, number, package, at, binary, store)


def _package(variant: Variant, inits: Path, folder: Path, random: Random) -> Path:
    """Return the zip of a variant; what is added to it cannot be compressed."""
    package = folder / f"{variant.name.replace(' ', '-')}.zip"
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inits / f"{variant.module}.py", _FILE)
        for number in range(variant.padding_mb):
            archive.writestr(f"data/{number}.bin", random.randbytes(_MB))
    return package


def _start(name: str, number: int, package: Path, code: Path, binary: Path, store: Store) -> Start:
    began = time.perf_counter()
    with zipfile.ZipFile(package) as archive:
        archive.extractall(code)
    unpack_ms = (time.perf_counter() - began) * 1e3
    with PythonOnRie(binary, code, "app.lambda_handler", store.variables) as environment:
        for _ in range(1 + WARM_CALLS + 1):  # the last one's duration may not be logged yet
            status, body = environment.call(EVENT)
            if status != 200 or b'"ok"' not in body:
                raise RieError(f"{name} answered {status}: {body!r}\n{environment.log}")
        init_ms, durations_ms = environment.init_ms[0], environment.durations_ms
    return Start(name, number, unpack_ms, init_ms, durations_ms[0], tuple(durations_ms[1:]))
