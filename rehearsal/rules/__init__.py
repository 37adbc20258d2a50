"""What proves a cause: a module of rules per kind of difference, and who asks them."""
