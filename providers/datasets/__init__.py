"""One file per dataset: what it means, and who provides it."""
