"""Practice registers: one local server that speaks the registers' own protocols (operations.md, Practice registers).

It plays the other side. So it knows nothing of the connectors and shares no line with them: what they
get wrong must show here.
"""

from certwatch.practice.server import PracticeRegisters

__all__ = ["PracticeRegisters"]
