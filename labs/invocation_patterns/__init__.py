"""One worker called in every way while it is deployed."""
