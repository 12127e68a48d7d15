"""One setting of a Lambda function at a time, and what it does to callers."""
