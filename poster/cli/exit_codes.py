"""The exit codes of every command, in one place."""

OK = 0
FAILED = 1  # done, and the answer is bad: calls failed, writes were lost
USAGE = 2  # the command line or its input makes no sense
UNKNOWN = 3  # the rows cannot tell
DEPLOY_FAILED = 4  # a build or deploy failed; the history says where
ERROR = 5  # what was asked for could not be done; the sentence says why
TIMED_OUT = 6  # wait: the new version did not come, or callers do not surely get it
SUPERSEDED = 7  # wait: the alias moved on to another version
NOT_THERE = 8  # wait: there is no such stack, function or alias
NO_PERMISSION = 9  # wait: AWS refuses, or there are no credentials
NO_ANSWER = 10  # wait: an endpoint never answered
NO_VERSION = 11  # wait: answers do not say which version they are from
ACTION_FAILED = 12  # wait: callers get the new version, but what was to follow was not done
INTERRUPTED = 130  # Ctrl-C; what was written stays readable
