"""Incidents of the other services."""
STORIES = {}
