"""How a page becomes rows that can be relied on."""
