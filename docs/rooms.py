"""The picture of the rooms, drawn from the table that the import test holds the code to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_PRODUCT = "poster."


def picture(allowed: Mapping[str, str]) -> str:
    """Return a Mermaid graph of the arrows that do not follow from others.

    ``allowed`` names, for each room, the rooms that it may import. What only starts a program is
    left out.
    """
    rooms = {own: others for own, others in allowed.items() if not own.endswith("__main__")}
    arrows = {own: set(others.split()) for own, others in rooms.items()}
    lines = ["```mermaid", "flowchart TD", "  subgraph poster"]
    lines += [f"    {_node(own)}" for own in arrows if own.startswith(_PRODUCT)]
    lines += ["  end", *(f"  {_node(own)}" for own in arrows if not own.startswith(_PRODUCT))]
    lines += [f"  {_id(own)} --> {_id(other)}" for own, other in _telling(arrows)]
    return "\n".join([*lines, "```"]) + "\n"


def _node(room: str) -> str:
    return f"{_id(room)}[{room.removeprefix(_PRODUCT)}]"


def _id(room: str) -> str:
    return room.replace(".", "_")


def _telling(arrows: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    for own, others in arrows.items():
        for other in sorted(others):
            if not any(other in _reached(arrows, between) for between in others - {other}):
                yield own, other


def _reached(arrows: Mapping[str, set[str]], room: str) -> set[str]:
    return arrows[room].union(*(_reached(arrows, other) for other in arrows[room]))
