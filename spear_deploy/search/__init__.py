"""The search for keep counts: evaluation, prediction, methods, and the loop that closes on measured SynOps."""
