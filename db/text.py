"""Text that any database takes: what cannot be stored is shown escaped rather than refused."""


def storable(text: str) -> str:
    """`text` with NUL and lone surrogates (bytes of a name that is not UTF-8) written as escapes."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
