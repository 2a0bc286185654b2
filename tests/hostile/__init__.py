"""Files made to do harm, and a run over all of them: `python -m tests.hostile`."""
