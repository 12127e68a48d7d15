"""The notebook runs as committed, and its committed outputs are what it computes."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "deploy_mixing.ipynb"


def printed(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what the cells printed; pictures are left out: their bytes depend on fonts."""
    return [
        output.text if output.output_type == "stream" else output.data.get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" or "image/png" not in output.data
    ]


def test_the_notebook_runs_and_says_what_is_committed() -> None:
    committed = nbformat.read(NOTEBOOK, as_version=4)
    assert sum("image/png" in str(cell.get("outputs")) for cell in committed.cells) == 2
    executed = nbclient.NotebookClient(
        nbformat.read(NOTEBOOK, as_version=4),
        timeout=60,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    ).execute()
    assert printed(executed) == printed(committed)


def test_every_computation_is_an_import() -> None:
    source = "\n".join(
        cell.source
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells
        if cell.cell_type == "code"
    )
    assert "def " not in source
    assert "lambda" not in source
