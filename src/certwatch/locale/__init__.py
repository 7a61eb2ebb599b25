"""Our texts in other languages, and how dates and numbers are written."""
