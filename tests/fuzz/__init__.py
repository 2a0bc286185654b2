"""Coverage-guided fuzzing of what opens media: `python -m tests.fuzz probe`."""
