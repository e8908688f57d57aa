"""Charts as inline SVG: the report's page and the dashboard draw the same ones.

They need no script, no style attribute and nothing from elsewhere, are as wide as the place they stand in, and say the
same without colour: parts have textures and a legend, and a description is read aloud. `templates/charts.css` has the
colours, light and dark. A chart is written into a template as it is: `{{ chart }}`.

Amounts go in as integers (minor units); nothing is converted, and currencies do not share a chart.
"""

from monthclose.charts.bars import Part, bullet, parts_bar, share_bar
from monthclose.charts.columns import Column, column_chart
from monthclose.charts.drawn import Chart, Key, legend
from monthclose.charts.lines import Line, Mark, line_chart
from monthclose.charts.scale import amounts_in

__all__ = [
    "Chart",
    "Column",
    "Key",
    "Line",
    "Mark",
    "Part",
    "amounts_in",
    "bullet",
    "column_chart",
    "legend",
    "line_chart",
    "parts_bar",
    "share_bar",
]
