"""Sections of UCI packages as typed values."""
