"""Pictures that a service would not take, refused before a call is spent on them."""

from workers.services.base import BadPicture, PictureCard


def refuse_outsized(picture: bytes, card: PictureCard) -> None:
    """Raises BadPicture for a file smaller or larger than the service takes."""
    size = len(picture)
    if size < card.min_bytes:
        hint = f"pictures of under {card.min_bytes} bytes hold no face that could be scored; exclude it"
        raise BadPicture("service.picture", f"{size} bytes are less than {card.title} takes", hint)
    if size > card.max_bytes:
        reason = f"its {size / 2**20:.1f} MB are more than the {card.max_bytes / 2**20:g} MB that {card.title} takes"
        raise BadPicture("service.picture", reason, "scale it down, or let faces be found here: `--detector yunet`")
