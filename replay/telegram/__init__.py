"""Telegram's Bot API on loopback: the chat of a bot that nobody else can read."""
