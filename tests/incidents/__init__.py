"""Incidents of one trail, bucket and key, each with faults that are known because they were put in."""
