"""Visit a page in each of its forms and note what a reader would meet."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]

# What repeats itself is looked at a few times: rows of tables, entries of the API and marks of
# charts, which readers of the screen do not meet.
PRUNE = """() => document.querySelectorAll(`tbody tr:nth-child(n+5), .hat-canvas svg > *,
  dl.py:nth-of-type(n+4), .genindextable li:nth-child(n+5), .highlight pre span:nth-of-type(n+60)
`).forEach(part => part.remove())"""

DRAWN = """figure => {
  const svg = figure.querySelector('.hat-canvas svg');
  const box = svg ? svg.getBoundingClientRect() : {width: 0, height: 0, right: 0};
  const image = figure.querySelector('.hat-static img');
  const link = figure.querySelector('a.hat-csv');
  const text = svg ? svg.querySelector('.role-axis-label text') : null;
  return {
    id: figure.id, state: figure.dataset.state || '', width: box.width, height: box.height,
    over: svg ? Number(svg.getAttribute('width')) - figure.clientWidth : 0,
    marks: svg ? svg.querySelectorAll('.role-mark :is(path, line, rect)').length : 0,
    named: svg ? svg.getAttribute('aria-label') || '' : '',
    alt: image ? image.alt : '',
    caption: (figure.querySelector('figcaption') || {textContent: ''}).textContent.trim(),
    csv: link ? decodeURIComponent(link.href.split(',').slice(1).join(',')) : '',
    download: link ? link.download : '',
    ink: text ? getComputedStyle(text).fill : '',
    inks: svg ? [...new Set([...svg.querySelectorAll('text')].filter(t => t.textContent.trim()
      && !(svg.querySelector('.mark-rect path') && t.closest('.mark-text'))
      && Number(t.getAttribute('fill-opacity') || t.getAttribute('opacity') || 1) > 0.5)
      .map(t => getComputedStyle(t).fill).filter(f => f !== 'none'))] : [],
  };
}"""

# Whether the picture has been decoded and is seen.
STATIC = """() => [...document.querySelectorAll('figure.hat-chart .hat-static img')].map(i => {
  const box = i.getBoundingClientRect();
  return i.complete && i.naturalWidth > 0 && box.width > 50 && box.height > 20;
})"""

# Tables that are wider than their place.
CUT = """() => [...document.querySelectorAll('.bd-article :is(.hat-scroll, .cell_output) table')]
  .filter(t => t.offsetWidth && t.offsetWidth > t.closest('.bd-article').clientWidth + 2)
  .map(t => t.innerText.slice(0, 60))"""

# The colour of the text of the page on its ground.
COLOURS = """() => {
  const article = document.querySelector('.bd-article p, .bd-article') || document.body;
  let ground = article, back = 'rgba(0, 0, 0, 0)';
  while (ground && /rgba\\(0, 0, 0, 0\\)|transparent/.test(back)) {
    back = getComputedStyle(ground).backgroundColor; ground = ground.parentElement;
  }
  return [getComputedStyle(article).color, back];
}"""


@dataclass
class Visit:
    """What was seen on one page; `figures` by the form of the page."""

    page: str
    weight: int
    abroad: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    figures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    colours: dict[str, list[str]] = field(default_factory=dict)
    axe: dict[str, list[str]] = field(default_factory=dict)
    static: dict[str, list[bool]] = field(default_factory=dict)
    overflow: int = 0
    cut_in_print: list[str] = field(default_factory=list)


# A chart has been drawn at its width and in its theme.
SETTLED = """f => f.dataset.state && Math.abs(f.hatWidth - f.clientWidth) < 9
  && f.hatTheme === (document.documentElement.dataset.theme === 'dark')
  && !f.querySelector('.hat-canvas[style*=hidden]')"""
ALL_SETTLED = (
    "() => [...document.querySelectorAll('figure.hat-chart')]"
    f".every(f => !f.dataset.state || ({SETTLED})(f))"
)


def visit_page(page: Any, plain: Any, book: Path, address: str, name: str, disk: bool) -> Visit:
    """Visit a page served, dark, narrow, printed, without JavaScript, and perhaps from disk.

    `page` is a new page of a browser, `plain` one that runs no scripts.
    """
    seen = Visit(name, (book / name).stat().st_size)
    _listen(page, seen, address)
    page.goto(address + name)
    seen.figures["light"] = _draw_all(page)
    page.add_style_tag(content="* { transition: none !important }")  # axe looks at once
    seen.colours["light"] = page.evaluate(COLOURS)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    seen.figures["dark"] = _draw_all(page)
    seen.colours["dark"] = page.evaluate(COLOURS)
    page.set_viewport_size(PHONE)
    seen.figures["phone"] = _draw_all(page)
    seen.overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.emulate_media(media="print")
    seen.static["print"] = page.evaluate(STATIC)
    page.set_viewport_size({"width": 680, "height": 1000})  # what a sheet of A4 has between margins
    seen.cut_in_print = page.evaluate(CUT)
    page.emulate_media(media="screen")
    page.set_viewport_size(DESK)
    page.wait_for_function(ALL_SETTLED)
    page.evaluate(PRUNE)
    seen.axe["dark"] = axe(page, {"type": "rule", "values": ["color-contrast"]})
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    seen.axe["light"] = axe(page, {"type": "tag", "values": AXE_TAGS})
    if disk:
        page.goto((book / name).as_uri())
        seen.figures["disk"] = _draw_all(page)
    plain.goto(address + name)
    seen.static["no script"] = plain.evaluate(STATIC)
    return seen


def _listen(page: Any, seen: Visit, home: str) -> None:
    """Note what a page asks of others and what goes wrong."""

    def asked(request: Any) -> None:
        if not request.url.startswith((home, "file:", "data:", "blob:", "about:")):
            seen.abroad.append(request.url)

    page.on("request", asked)
    noise = "error", "warning"
    page.on("console", lambda said: said.type in noise and seen.errors.append(said.text))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))


def _draw_all(page: Any) -> list[dict[str, Any]]:
    """Scroll to each chart, as a reader does, wait until it is drawn, and look at it."""
    seen = []
    for figure in page.query_selector_all("figure.hat-chart"):
        # A chart of a folded solution is drawn when the reader opens it.
        figure.evaluate(
            "f => { for (let d = f; (d = d.parentElement && d.parentElement.closest('details'));)"
            " d.open = true; f.scrollIntoView({block: 'center'}) }"
        )
        page.wait_for_function(SETTLED, arg=figure, timeout=30_000)
        seen.append(figure.evaluate(DRAWN))
    return seen


def axe(page: Any, which: dict[str, Any]) -> list[str]:
    """Serious and critical findings of axe."""
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate("scrollTo(0, 0)")
    page.evaluate(AXE_SCRIPT + "; 0")
    # It must not ask for imported style sheets, as it does so at wrong addresses.
    options = {"runOnly": which, "resultTypes": ["violations"], "preload": False}
    found = page.evaluate(f"axe.run(document, {json.dumps(options)}).then(r => r.violations)")
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:160]} — {node['failureSummary'][:300]}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"][:4]
    ]
