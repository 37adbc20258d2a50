"""What a finished walk is evidence of: numbers first, then reasons, then a verdict in words."""
