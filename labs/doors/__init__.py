"""One function, entered by every door at once while it is deployed."""
