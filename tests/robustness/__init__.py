"""Whole runs of the command line in a world that does not hold."""
