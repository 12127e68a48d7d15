"""Renderings of one ``Result``: text, JSON and the published excerpt. They compute no estimates."""
