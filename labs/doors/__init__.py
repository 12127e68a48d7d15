"""One function entered by several doors at once: do their callers change together?"""
