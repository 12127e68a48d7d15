"""The exit codes of every command, in one place."""

OK = 0
FAILED = 1  # done, and the answer is bad: broken verdict, or what was asked for could not be done
USAGE = 2  # the command line or its input makes no sense
UNKNOWN = 3  # the rows cannot tell
DEPLOY_FAILED = 4  # a build or deploy failed; the history says where
INTERRUPTED = 130  # Ctrl-C; what was written stays readable
