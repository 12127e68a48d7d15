"""The same instrument on other questions: each lab whole in its folder."""
