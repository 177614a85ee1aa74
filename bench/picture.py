"""Curves as small multiples in one SVG: each a panel, sizes along and multiples of the first point up."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

COLUMNS = 4
_WIDTH, _HEIGHT = 224, 168  # of a panel, with the space around it
_LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 14, 46, 176, 84

_CPU, _UNITS = "#5b6ea8", "#b4423f"


class Panel(NamedTuple):
    """`title`, what it grows `over` and the `sizes` of that; CPU time and, where AWS is asked, capacity units."""

    title: str
    over: str
    sizes: Sequence[int]
    cpu: Sequence[float]
    units: Sequence[float] | None


def svg(panels: Sequence[Panel]) -> str:
    """The picture."""
    rows = -(-len(panels) // COLUMNS)
    width, height = COLUMNS * _WIDTH + 8, rows * _HEIGHT + 34
    places = ((8 + number % COLUMNS * _WIDTH, number // COLUMNS * _HEIGHT) for number in range(len(panels)))
    drawn = "\n".join(
        f'  <g transform="translate({x} {y})">{_panel(panel)}</g>'
        for (x, y), panel in zip(places, panels, strict=True)
    )
    legend = (
        f'<path d="M22 {height - 20}h24" stroke="{_CPU}" stroke-width="2"/>'
        f'<text x="52" y="{height - 16}">CPU time</text>'
        f'<path d="M132 {height - 20}h24" stroke="{_UNITS}" stroke-width="2" stroke-dasharray="4 3"/>'
        f'<text x="162" y="{height - 16}">capacity units of DynamoDB</text>'
        f'<text x="{width - 12}" y="{height - 16}" text-anchor="end">multiples of the first point</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img" '
        'aria-label="How costs grow with routes, scopes, sessions, users and revocations">\n'
        f'  <rect width="{width}" height="{height}" fill="#fff"/>\n'
        f'{drawn}\n  <g fill="#223">{legend}</g>\n</svg>\n'
    )


def _panel(panel: Panel) -> str:
    most = max(2.0, *panel.cpu, *(panel.units or ()))
    bottom, right = _TOP + _PLOT_HEIGHT, _LEFT + _PLOT_WIDTH
    one = bottom - _PLOT_HEIGHT / most
    over = f"{panel.sizes[-1]:,} {escape(panel.over)}"
    parts = [
        f'<text x="{_LEFT}" y="22" fill="#223" font-weight="600">{escape(panel.title)}</text>',
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#b9c2da"/>',
        f'<path d="M{_LEFT} {one:.1f}H{right}" stroke="#b9c2da" stroke-dasharray="2 3"/>',
        f'<text x="{_LEFT}" y="{bottom + 16}" fill="#556">{panel.sizes[0]}</text>',
        f'<text x="{right}" y="{bottom + 16}" fill="#556" text-anchor="end">{over}</text>',
    ]
    curves = [(panel.cpu, _CPU, "")]
    if panel.units is not None:
        curves.append((panel.units, _UNITS, ' stroke-dasharray="4 3"'))
    for values, colour, dashes in curves:
        points = " ".join(
            f"{_LEFT + _along(panel.sizes, size):.1f},{bottom - _PLOT_HEIGHT * value / most:.1f}"
            for size, value in zip(panel.sizes, values, strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
    labels = " ".join(
        f'<tspan fill="{colour}">× {values[-1]:.2f}</tspan>' for values, colour, _ in reversed(curves)
    )
    parts.append(f'<text x="{right}" y="{_TOP - 8}" text-anchor="end">{labels}</text>')
    return "".join(parts)


def _along(sizes: Sequence[int], size: int) -> float:
    return _PLOT_WIDTH * (size - sizes[0]) / (sizes[-1] - sizes[0])
