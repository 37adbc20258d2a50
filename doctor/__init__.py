"""What is wrong with a bot before it trades: settings, data, machine and code."""
