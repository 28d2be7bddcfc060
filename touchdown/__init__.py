"""Touchdown for people and programs: its client, its command line, and Touchdown on localcloud."""
