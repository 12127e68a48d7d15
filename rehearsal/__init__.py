"""AWS's own host names, TLS and signatures, answered on this machine: the AWS path rehearsed.

A forward proxy with a certificate authority of its own stands between whatever speaks to AWS
(boto3, SAM CLI, our own calls) and MiniStack. What is run is not told that it rehearses: it has
credentials, a proxy and a CA bundle, as in many offices. Every call passes one place. There it is
written down, and there an answer can be made contrary (``rehearsal.contrary``).

Invariant: nothing leaves the machine. The proxy answers for AWS's hosts, opens a connection to
MiniStack alone, and refuses every other host and says which it was asked for.
"""
