"""Tracks: which faces of one video are one continuous appearance of one person."""
