"""Fixes that were tried on the evidence before they are shown.

in: the investigations of a stack, its history. out: a `Proposal`: fixes in the order to apply them, which finding each
resolves, and what was tried and kept out with the reason. Nothing is ever applied.
"""

from stackdoctor.fixes.propose import Proposal, propose

__all__ = ["Proposal", "propose"]
