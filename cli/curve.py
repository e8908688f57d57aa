"""Money over time, drawn in a line of characters."""

from collections.abc import Mapping, Sequence

from monthclose.domain.closes.money_curve import Point

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(points: Sequence[Point], width: int, currency: str) -> str:
    """Draw how a currency's money adds up: a bar for each part of the time, as high as the share that has come in."""
    total = max((point.money.get(currency, 0) for point in points), default=0)
    if not points or total <= 0:
        return ""
    chosen = [points[min(len(points) - 1, (place + 1) * len(points) // width - 1)] for place in range(width)]
    heights = [max(point.money.get(currency, 0), 0) * (len(_BARS) - 1) / total for point in chosen]
    return "".join(_BARS[round(height)] for height in heights)


def points_as_json(points: Sequence[Point]) -> list[Mapping[str, object]]:
    """Put a curve into JSON: money that has come in until each second."""
    return [{"seconds": round(point.second, 1), "money": dict(point.money)} for point in points]
