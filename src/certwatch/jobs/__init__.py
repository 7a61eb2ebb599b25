"""The door for the clock: what the worker does without being asked, and how often.

A task in the queue only says "look". What is to be done stands in rows, and each duty claims its slot, so a lost or
doubled task harms nothing.
"""
