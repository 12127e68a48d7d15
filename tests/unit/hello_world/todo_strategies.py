"""What hypothesis posts: any JSON value, and objects that are nearly todos."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)  # Cs: half surrogate pairs
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
nearly_todos: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"todoId": text | json_values, "title": text | json_values, "note": json_values}
)
