"""How the outside world is asked: within limits, with a deadline, without leaking keys."""
