"""Certificate Watch: watches sustainability certificates in the schemes' public registers."""

__version__ = "0.1.0"
