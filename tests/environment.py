"""Loaded before Django's settings: tests keep everything in a folder of their own and reach nothing outside."""

import os
import tempfile

os.environ.setdefault("CERTWATCH_HOME", tempfile.mkdtemp(prefix="certwatch-test-"))
for name in ("VALKEY_URL", "REDIS_URL", "EMAIL_URL", "CERTWATCH_BASE_URL", "CERTWATCH_FILES"):
    os.environ.pop(name, None)
