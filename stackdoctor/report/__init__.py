"""Diagnosis → text, markdown, json. Pure; every text from AWS passes `untrusted` before a person sees it."""
