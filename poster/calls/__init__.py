"""How calls are made: when each is due, how it is sent, and what its answer says."""
