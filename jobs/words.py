"""How numbers are put into words, wherever people read them."""


def numbered(number: int, what: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
