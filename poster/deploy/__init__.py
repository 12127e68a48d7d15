"""Ways of deploying a release: each is a function that does it and yields the steps."""
