"""Bar charts in SVG, without the dependency of a plot library."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

LABELS, WIDTH, ROW, HEAD = 220, 420, 20, 34
STYLE = "text{font:13px sans-serif;fill:#222}.head{font-weight:bold}.first{fill:#2a6f6b}.bar{fill:#b9c4c9}"


class Bar(NamedTuple):
    label: str
    value: float
    low: float
    high: float
    note: str


def draw_chart(panels: dict[str, Sequence[Bar]]) -> str:
    """Draw a panel of bars for each title; a line on each bar shows its spread."""
    parts, top = [], 0
    for title, bars in panels.items():
        parts.append(f'<text class="head" x="10" y="{top + 22}">{escape(title)}</text>')
        top += HEAD
        scale = WIDTH / (max(bar.high for bar in bars) or 1)
        for place, bar in enumerate(bars):
            parts.append(draw_bar(bar, top, scale, "bar" if place else "first"))
            top += ROW
    size = f'width="{LABELS + WIDTH + 160}" height="{top + 10}"'
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>{paper}\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def draw_bar(bar: Bar, top: int, scale: float, kind: str) -> str:
    middle, end = top + ROW // 2 - 2, LABELS + bar.high * scale
    return (
        f'<text x="{LABELS - 8}" y="{middle + 5}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect class="{kind}" x="{LABELS}" y="{top}" width="{bar.value * scale:.1f}" height="{ROW - 5}"/>'
        f'<path d="M{LABELS + bar.low * scale:.1f} {middle}H{end:.1f}" stroke="#222"/>'
        f'<text x="{end + 8:.1f}" y="{middle + 5}">{escape(bar.note)}</text>'
    )
