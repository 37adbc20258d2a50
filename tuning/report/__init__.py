"""A weighed walk as tables, figures, a page and plain JSON; every form shows the same sheets."""
