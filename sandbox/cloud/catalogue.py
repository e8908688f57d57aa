"""The tables of the made-up cloud provider: what it sells, where its customers are, how they pay.

Prices follow what small cloud providers publish, per hour and so mostly fractions of a cent. Company names are made of
words that belong to nobody; e-mail addresses end in ``.example`` (RFC 2606), so that no mail can ever reach anyone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CURRENCIES = ("USD", "EUR", "GBP", "JPY")


@dataclass(frozen=True, slots=True)
class Product:
    """A SKU: what a usage event counts, and its unit price in each of :data:`CURRENCIES`, in major units."""

    unit: str
    description: str
    prices: tuple[str, str, str, str]


PRODUCTS: Mapping[str, Product] = {
    "droplet-1gb-hour": Product("hour", "Droplet, 1 GB", ("0.00893", "0.00832", "0.00712", "1.34")),
    "droplet-4gb-hour": Product("hour", "Droplet, 4 GB", ("0.03571", "0.03327", "0.02849", "5.36")),
    "droplet-8gb-hour": Product("hour", "Droplet, 8 GB", ("0.07143", "0.06655", "0.05698", "10.71")),
    "volume-gb-hour": Product("GB-hour", "Block storage volume", ("0.000149", "0.000139", "0.000119", "0.0224")),
    "snapshot-gb-hour": Product("GB-hour", "Snapshot", ("0.000089", "0.000083", "0.000071", "0.0134")),
    "traffic-gb": Product("GB", "Outgoing traffic", ("0.01", "0.0093", "0.008", "1.5")),
    "load-balancer-hour": Product("hour", "Load balancer", ("0.01786", "0.01664", "0.01425", "2.68")),
    "database-hour": Product("hour", "Managed database", ("0.02232", "0.0208", "0.01781", "3.35")),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of thing a customer runs.

    Attributes
    ----------
    sizes : tuple[int, int]
        Smallest and largest size: units used per hour, or, if ``metered``, per day and in thousandths.
    days : int
        How long one lives at most.
    share : int
        How common it is, relative to the others.
    """

    sku: str
    names: tuple[str, ...]
    sizes: tuple[int, int]
    days: int
    share: int
    metered: bool = False


RESOURCES: tuple[Resource, ...] = (
    Resource("droplet-1gb-hour", ("web", "cron", "bastion", "bot"), (1, 1), 31, 30),
    Resource("droplet-4gb-hour", ("app", "worker", "build"), (1, 1), 31, 18),
    Resource("droplet-8gb-hour", ("render", "search", "batch"), (1, 1), 14, 8),
    Resource("volume-gb-hour", ("data", "uploads", "logs"), (10, 500), 31, 14),
    Resource("snapshot-gb-hour", ("nightly", "release"), (20, 200), 10, 10),
    Resource("traffic-gb", ("edge", "egress"), (200, 90_000), 31, 10, metered=True),
    Resource("load-balancer-hour", ("front",), (1, 1), 31, 4),
    Resource("database-hour", ("postgres", "mysql", "redis"), (1, 1), 31, 6),
)


@dataclass(frozen=True, slots=True)
class Country:
    """A country customers are in: the currency they pay in, the legal forms of its companies."""

    code: str
    currency: str
    legal_forms: tuple[str, ...]


# Shares are in millionths of all customers, as everywhere below.
COUNTRIES: tuple[tuple[int, Country], ...] = (
    (610_000, Country("US", "USD", ("Inc.", "LLC", "Corp."))),
    (50_000, Country("CA", "USD", ("Ltd.", "Inc."))),
    (30_000, Country("SG", "USD", ("Pte. Ltd.",))),
    (70_000, Country("DE", "EUR", ("GmbH", "UG"))),
    (45_000, Country("FR", "EUR", ("SAS", "SARL"))),
    (35_000, Country("NL", "EUR", ("B.V.",))),
    (30_000, Country("ES", "EUR", ("S.L.",))),
    (90_000, Country("GB", "GBP", ("Ltd", "LLP"))),
    (40_000, Country("JP", "JPY", ("K.K.", "G.K."))),
)

PAYMENT_METHODS: tuple[tuple[int, str], ...] = (
    (650_000, "pm_card_visa"),
    (180_000, "pm_card_mastercard"),
    (90_000, "MD_OK"),  # bank debit mandates
    (10_000, "MD_FAILS"),
    (12_000, "pm_card_chargeDeclinedInsufficientFunds"),
    (10_000, "pm_card_chargeDeclined"),
    (8_000, "pm_card_chargeDeclinedExpiredCard"),
    (5_000, "pm_card_chargeCustomerFail"),
    (5_000, "pm_card_chargeDeclinedProcessingError"),
    (10_000, "pm_card_authenticationRequired"),
    (20_000, ""),
)

type Size = Literal["none", "small", "medium", "big"]

SIZES: tuple[tuple[int, Size], ...] = ((30_000, "none"), (620_000, "small"), (320_000, "medium"), (30_000, "big"))

RESOURCES_OF: Mapping[Size, tuple[int, int]] = {"none": (0, 0), "small": (1, 2), "medium": (2, 4), "big": (12, 24)}
"""The fewest and the most resources that a customer of each size runs."""

FIRST_WORDS = (
    *("Amber", "Anchor", "Aspen", "Birch", "Bright", "Cedar", "Cinder", "Cobalt", "Copper", "Coral", "Crimson"),
    *("Dapple", "Ember", "Fern", "Flint", "Gravel", "Harbour", "Hazel", "Heron", "Hollow", "Indigo", "Juniper"),
    *("Kestrel", "Lantern", "Larch", "Linden", "Maple", "Marble", "Meadow", "Mistral", "Nettle", "Ochre", "Otter"),
    *("Pebble", "Pepper", "Quill", "Raven", "Saffron", "Sparrow", "Tallow", "Thistle", "Umber", "Velvet", "Willow"),
)
SECOND_WORDS = (
    *("Analytics", "Atlas", "Bakery", "Biotech", "Books", "Courier", "Dental", "Design", "Energy", "Farms"),
    *("Fitness", "Foundry", "Games", "Garden", "Health", "Instruments", "Kitchen", "Labs", "Learning", "Logistics"),
    *("Maps", "Media", "Metrics", "Mobility", "Outdoor", "Payroll", "Pictures", "Press", "Records", "Robotics"),
    *("Sailing", "Security", "Studio", "Systems", "Tickets", "Tools", "Toys", "Travel", "Weather", "Works"),
)
