"""Reading how events become a quantity: aggregation, buckets, sizes that continue from month to month."""

from decimal import Decimal
from typing import TypedDict

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.pricing.metering.buckets import IN_A_BUCKET, OVER_BUCKETS, SECONDS, SIZES, Buckets, Empty
from monthclose.domain.pricing.metering.transactions import PerTransaction
from monthclose.domain.pricing.models import Flat, Model, is_by_time
from monthclose.domain.pricing.reading.fields import Fields

_OF_BUCKETS = ("bucket_aggregation", "empty_buckets", "percentile")
MEASURING_FIELDS = frozenset({"bucket", *_OF_BUCKETS, "carry_over"})
_MOST_PERCENT = Decimal(100)


class Measuring(TypedDict):
    """Fields of a price."""

    aggregation: Aggregation
    buckets: Buckets | None
    carries_over: bool


def read_measuring(fields: Fields, model: Model) -> Measuring:
    """Read how events become a quantity."""
    usual = Aggregation.TIME_WEIGHTED if is_by_time(model) else Aggregation.SUM
    aggregation = Aggregation(fields.choice("aggregation", tuple(Aggregation), usual))
    if is_by_time(model) and aggregation is not Aggregation.TIME_WEIGHTED:
        what = "a flat fee" if isinstance(model, Flat) else "a prorated price"
        raise UserMistakeError(f"{what} is weighted by time: leave aggregation out")
    if isinstance(model, PerTransaction) and (aggregation is not Aggregation.SUM or fields.given("bucket")):
        raise UserMistakeError("each event is a transaction: leave aggregation and bucket out")
    buckets = _buckets(fields, aggregation) if fields.given("bucket") else None
    if not buckets:
        stray = next((name for name in _OF_BUCKETS if fields.given(name)), "")
        if stray or aggregation is Aggregation.PERCENTILE:
            raise UserMistakeError(f"{stray or 'percentile'} is for buckets: say their size with bucket")
    carries_over = fields.flag("carry_over")
    if carries_over and not (buckets.aggregation if buckets else aggregation).is_of_sizes:
        raise UserMistakeError("carry_over is for sizes: amounts that were used do not continue in the next month")
    return {"aggregation": aggregation, "buckets": buckets, "carries_over": carries_over}


def _buckets(fields: Fields, over: Aggregation) -> Buckets:
    size = fields.choice("bucket", tuple(SECONDS), "")
    if not fields.given("bucket_aggregation"):
        raise UserMistakeError(
            f"bucket_aggregation is missing{fields.unknown}: say what is measured in each bucket, and with aggregation "
            "what becomes of the buckets"
        )
    within = Aggregation(fields.choice("bucket_aggregation", IN_A_BUCKET, ""))
    if over not in OVER_BUCKETS:
        raise UserMistakeError(f"aggregation {over} is not for buckets; choose one of {', '.join(OVER_BUCKETS)}")
    empty = Empty(fields.choice("empty_buckets", tuple(Empty), Buckets.usually_empty(within)))
    if empty is Empty.CARRY and within not in SIZES:
        raise UserMistakeError(f'empty_buckets = "carry" is for sizes: {", ".join(SIZES)} in each bucket')
    if (over is Aggregation.PERCENTILE) != fields.given("percentile"):
        raise UserMistakeError('aggregation = "percentile" and percentile = 95 belong together')
    percentile = fields.positive("percentile") if fields.given("percentile") else None
    if percentile is not None and percentile >= _MOST_PERCENT:
        raise UserMistakeError(f"percentile is {percentile}: it must be less than 100")
    return Buckets(size, within, empty, percentile)
