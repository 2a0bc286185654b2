"""How long a parent waits for its child: two clocks that stand still while the parent itself does.

Time is counted in steps between two looks, and a step counts for a few seconds at most: when the machine sleeps, or
the whole program is stopped and continued, no child is taken for hung.
"""

LONGEST_STEP_S = 5.0


class Patience:
    """May be tried by one item for `total_s` in all, and for `silent_s` without a sign of life."""

    def __init__(self, total_s: float, silent_s: float, now_s: float) -> None:
        self._total_s = total_s
        self._silent_s = silent_s
        self._seen_s = now_s
        self._spent_s = 0.0
        self._quiet_s = 0.0

    def look(self, now_s: float, sign_of_life: bool) -> None:
        """Count the time since the last look."""
        step = min(max(0.0, now_s - self._seen_s), LONGEST_STEP_S)
        self._seen_s = now_s
        self._spent_s += step
        self._quiet_s = 0.0 if sign_of_life else self._quiet_s + step

    @property
    def fell_silent(self) -> bool:
        """Whether there was no sign of life for too long."""
        return self._quiet_s > self._silent_s

    @property
    def ran_out(self) -> bool:
        """Whether either clock did."""
        return self.fell_silent or self._spent_s > self._total_s
