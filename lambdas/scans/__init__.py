"""Text on pages that are pictures: which pages those are, and what an engine recognises on them.

A room beside the readers and not among them: it has a package of its own, with an engine and its data, that the other
functions do not carry. It uses the readers; they know nothing of it.
"""
