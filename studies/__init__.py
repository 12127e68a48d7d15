"""What fits the models and writes their pages; nothing of the product."""
