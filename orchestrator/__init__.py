"""Maillage: one command turns a blank Debian host into a verified node of the mesh."""

__version__ = "0.1.0"
