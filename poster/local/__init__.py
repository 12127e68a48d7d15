"""The local AWS: an emulator that runs the real function code, and a model of the propagation.

``environment`` keeps everything away from the caller's AWS, ``emulator`` owns MiniStack's life,
``fleet`` and ``lag`` put Lambda's invoke front ends in front of it.
"""
