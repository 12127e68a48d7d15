"""Renderings of one ``Result``; they compute no estimates."""
