"""The frame of a report page: one file that loads nothing."""

from collections.abc import Sequence
from html import escape

from benchmarks.reports import Grid

STYLE = """
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#16191d;--quiet:#5a6270;--rule:#dfe3e8;
--c0:#2a78d6;--c1:#1baf7a;--c2:#eda100;--c3:#4a3aa7;--c4:#e34948}
@media(prefers-color-scheme:dark){:root{--ground:#111316;--card:#1a1d21;--ink:#eef0f3;--quiet:#a2abb8;--rule:#32373e;
--c0:#3987e5;--c1:#199e70;--c2:#c98500;--c3:#9085e9;--c4:#e66767}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.5rem;margin:0 0 4px}h2{font-size:1.1rem;margin:0 0 8px}
h4{margin:12px 0 2px;font-size:.85rem;font-weight:600}.quiet,.note{color:var(--quiet);font-size:.85rem}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px;margin:16px 0;min-width:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(45%,220px),1fr));gap:12px;margin:16px 0}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 14px}
.tile b{display:block;font-size:1.5rem;font-variant-numeric:tabular-nums}.tile span{color:var(--quiet);font-size:.85rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px;margin:16px 0}
.pair section{margin:0}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;margin:0 0 4px;padding:0;font-size:.85rem}
.legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}
.bar{display:flex;align-items:center;gap:8px;margin:2px 0}.bar .track{flex:1;min-width:0}
.bar i{display:block;height:12px;border-radius:0 4px 4px 0}.bar b{flex:0 0 92px;font-weight:500;font-size:.85rem;
text-align:right;font-variant-numeric:tabular-nums}
.c0{background:var(--c0)}.c1{background:var(--c1)}.c2{background:var(--c2)}.c3{background:var(--c3)}.c4{background:var(--c4)}
svg{width:100%;height:auto;display:block}svg text{fill:var(--quiet);font-size:11px}svg .rule{stroke:var(--rule)}
svg .line{fill:none;stroke-width:2}svg circle{stroke:var(--card);stroke-width:2}
svg .s0{stroke:var(--c0)}svg .s1{stroke:var(--c1)}svg .s2{stroke:var(--c2)}svg .s3{stroke:var(--c3)}
svg circle.s0{fill:var(--c0)}svg circle.s1{fill:var(--c1)}svg circle.s2{fill:var(--c2)}svg circle.s3{fill:var(--c3)}
svg circle{stroke:var(--card)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}th{color:var(--quiet);font-weight:600}
ul.plain{padding-left:18px;margin:0}
"""


def frame(title: str, subtitle: str, body: Sequence[str]) -> str:
    """A whole page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="quiet">{escape(subtitle)}</p>{"".join(body)}</main></body></html>\n'
    )


def tiles(figures: Sequence[tuple[str, str]]) -> str:
    """Large figures with a caption each."""
    cells = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(text)}</span></div>' for value, text in figures
    )
    return f'<div class="tiles">{cells}</div>'


def section(title: str, *parts: str) -> str:
    """A card with a heading."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def pair(*sections: str) -> str:
    """Cards side by side where there is room."""
    return f'<div class="pair">{"".join(sections)}</div>'


def table(grid: Grid) -> str:
    """A table that scrolls sideways by itself on a narrow screen."""
    head = "".join(f"<th>{escape(header)}</th>" for header in grid.headers)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in grid.rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def sentences(lines: Sequence[str]) -> str:
    """A list of sentences."""
    return f'<ul class="plain">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'
