"""Damaged configs: whatever the text, an answer or a problem with its place; never a traceback, a hang or runaway memory."""
