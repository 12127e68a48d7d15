"""Two functions in one template, of which one is released."""
