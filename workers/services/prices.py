"""What calls cost: the list price of a service, or what its user pays by MOODREEL_PRICES."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from workers.errors import SettingsError

SETTING = "MOODREEL_PRICES"
_PRICE = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)
_LONGEST_SHOWN = 40
_HINT = f"write it like {SETTING}=azure=0.80,rekognition=1.20: US dollars for 1000 transactions"


@dataclass(frozen=True, slots=True)
class Price:
    """What a service costs."""

    usd_per_1000: Decimal
    """US dollars for 1000 transactions."""
    source: str
    """Where it comes from: `list price`, or the setting."""

    def of(self, transactions: int) -> Decimal:
        """US dollars for so many transactions."""
        return self.usd_per_1000 * transactions / 1000


def price_of(scorer: str, prices: str | None) -> Price:
    """The price of a service's scorer, by the setting `prices` or else the service's list.

    Raises SettingsError for a setting that says anything wrong, of whatever service; ValueError where the scorer is no
    service.
    """
    from workers.scoring.catalogue import scorers
    from workers.services.catalogue import service_card

    card = service_card(scorer)
    if card is None:
        raise ValueError(f"{scorer} is no service")
    table = parse_prices(prices or "", [name for name in scorers() if service_card(name) is not None])
    own = table.get(scorer)
    return Price(card.usd_per_1000, "list price") if own is None else Price(own, SETTING)


def parse_prices(text: str, services: Collection[str]) -> dict[str, Decimal]:
    """`azure=0.80,rekognition=1.20` as US dollars for 1000 transactions, by service; no text is no price.

    Raises SettingsError for anything else: an unknown service, one given twice, a price that is no plain number.
    """
    table: dict[str, Decimal] = {}
    for pair in text.split(",") if text.strip() else ():
        name, equals, price = (part.strip() for part in pair.partition("="))
        if not (equals and name) or not _PRICE.fullmatch(price):
            raise SettingsError(f"prices: {_short(pair)} is no price", _HINT)
        if name not in services:
            raise SettingsError(f"prices: {_short(name)} is no service", f"the services are: {', '.join(services)}")
        if name in table:
            raise SettingsError(f"prices: {name} is given twice", _HINT)
        table[name] = Decimal(price)
    return table


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")
