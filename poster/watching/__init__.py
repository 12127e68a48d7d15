"""Somebody else's deploy, watched by the calls that go on around it.

settling    who answers, and is it only the new release by now? Pure
traffic     the same, told by the posters' thread and asked by another
command     the deploy command: its output, its end, how it is told to stop
deploying   baseline, command, settled: the three of them in order
"""
