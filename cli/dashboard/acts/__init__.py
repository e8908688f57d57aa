"""What a person can change in the dashboard, if it was started with `--operate`: an act for each, by its name."""

from collections.abc import Mapping

from cli.dashboard.acts import of_closes, of_customers
from cli.dashboard.acts.act import Act

ACTS: Mapping[str, Act] = {act.name: act for act in (*of_closes.ACTS, *of_customers.ACTS)}
