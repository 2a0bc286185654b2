"""What calls cost: list prices, and those that a person pays."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import SettingsError
from workers.services.prices import Price, parse_prices, price_of

SERVICES = ("azure", "rekognition", "ferplus-http")
PRICE = st.decimals(0, 999_999, places=4, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(("scorer", "price"), [("azure", "1.00"), ("rekognition", "1.00"), ("ferplus-http", "0")])
@pytest.mark.parametrize("prices", [None, "", "  "])
def test_without_prices_of_ones_own_the_list_holds(scorer: str, price: str, prices: str | None) -> None:
    assert price_of(scorer, prices) == Price(Decimal(price), "list price")


def test_a_price_of_ones_own_is_taken_for_its_service_and_no_other() -> None:
    assert price_of("azure", "azure=0.80") == Price(Decimal("0.80"), "MOODREEL_PRICES")
    assert price_of("rekognition", "azure=0.80").source == "list price"
    assert price_of("ferplus-http", "ferplus-http=0.05,azure=0").of(3) == Decimal("0.00015")
    assert price_of("azure", "azure=0") == Price(Decimal(0), "MOODREEL_PRICES")


def test_what_scores_here_has_no_price() -> None:
    with pytest.raises(ValueError, match="no service"):
        price_of("ferplus", None)


@pytest.mark.parametrize(
    "text",
    ["azure", "azure=", "=1", "azure=-1", "azure=1e3", "azure=nan", "azure=1,5", "azure=1 5", "azure=.5", "azure=0.80,",
     "azure=\u0661", "azure=1;rekognition=1", "azure=$1", "azure==1", "azure=1234567", ","],
)  # fmt: skip
def test_what_is_no_price_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match="prices:") as refused:
        parse_prices(text, SERVICES)
    assert "MOODREEL_PRICES=azure=0.80,rekognition=1.20" in refused.value.hint


def test_an_unknown_service_is_named_with_those_that_there_are_whatever_service_is_asked_for() -> None:
    with pytest.raises(SettingsError, match="'azur' is no service") as refused:
        price_of("rekognition", "azur=0.80")
    assert refused.value.hint == "the services are: azure, rekognition, ferplus-http"


def test_a_service_given_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="azure is given twice"):
        parse_prices("azure=1,azure=1", SERVICES)


@given(st.dictionaries(st.sampled_from(SERVICES), PRICE))
def test_prices_that_are_written_down_are_read_again_exactly(table: dict[str, Decimal]) -> None:
    text = " , ".join(f"{name} = {price:f}" for name, price in table.items())
    assert parse_prices(text, SERVICES) == table


@given(st.text(max_size=200) | st.text(alphabet="azure=,.0123456789 -e", max_size=30))
def test_any_text_is_prices_or_a_settings_error_in_few_words(text: str) -> None:
    try:
        table = parse_prices(text, SERVICES)
    except SettingsError as refused:
        assert len(str(refused)) < 300
    else:
        assert set(table) <= set(SERVICES)
        assert all(0 <= price < 1_000_000 for price in table.values())


@given(PRICE, st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_cost_is_exact_whatever_it_is_made_of(usd: Decimal, one: int, other: int) -> None:
    price = Price(usd, "list price")
    assert price.of(one) + price.of(other) == price.of(one + other)
