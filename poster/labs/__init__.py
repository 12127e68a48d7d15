"""The labs' part of the instrument: the same rows and checks, for other ways of being called.

A *lab* is a SAM application under ``labs/`` with a question, a command and a measured answer. What
is here asks the question: it calls, collects and turns histories into the tables of the lab's
README. Nothing here starts an emulator or deploys; the commands hand that in.
"""
