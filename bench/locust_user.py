"""Locust's fast user, doing what the others do: POST a small JSON body, as often as it can."""

from __future__ import annotations

from locust import FastHttpUser, constant, task


class Poster(FastHttpUser):
    """One caller without a pause."""

    wait_time = constant(0)

    @task
    def post(self) -> None:
        """Call once."""
        self.client.post("", json={"todoId": "t01-0001", "title": "tea"})
