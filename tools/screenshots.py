"""Pictures of the built book: python tools/screenshots.py [--folded] [--pages NAME ...] [--animation]

Of each page, in full height, at five widths, in light and in dark, and as it is printed, into _build/screenshots.
--folded leaves predictions as a first reader finds them. --animation makes a moving picture of the playground
instead, chapters/figures/playground.webp.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

from browser import CHROMIUM, Browser
from built import MADE, PAGES, ROOT, SITE, not_built, published
from PIL import Image

WIDTHS = 320, 400, 768, 1280, 1920
TALLEST = 8000  # pixels that Chromium paints at once
OUT = ROOT / "_build" / "screenshots"
ANIMATION = ROOT / "chapters" / "figures" / "playground.webp"
# Nothing is half way to its place or its colour.
STILL = """document.head.append(Object.assign(document.createElement("style"),
    {textContent: "*, *::before, *::after {transition: none !important; animation: none !important}"})), null"""
PANEL = "document.querySelector('.lc-panel[data-playground]')"
WIDE, PAUSE = 680, 80  # of the moving picture: pixels, and milliseconds a frame
# A dot where the hand is, since the pictures have no pointer.
HAND = """(() => { const hand = document.createElement("div"); hand.id = "hand"; document.body.append(hand);
    hand.style = "position: fixed; z-index: 9999; width: 22px; height: 22px; margin: -11px; border-radius: 50%;" +
        "background: rgb(0 0 0 / 35%); outline: 2px solid white; pointer-events: none"; })()"""


def show(browser, width, height=900):
    """Gives the screen this size, in pixels."""
    browser.send(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
    )


def whole_page(browser):
    """The page in its full height, a PIL image."""
    size = browser.send("Page.getLayoutMetrics")["cssContentSize"]
    width, height = round(size["width"]), round(size["height"])
    out = Image.new("RGB", (width, height))
    for top in range(0, height, TALLEST):
        part = browser.picture(0, top, width, min(TALLEST, height - top))
        out.paste(Image.open(io.BytesIO(part)), (0, top))
    return out


def shoot(browser, address, page, folder, widths=WIDTHS):
    """Write the pictures of a page into a folder."""
    name = page.removesuffix(".html").replace("/", "-")
    for width in widths:
        show(browser, width)
        browser.open(f"{address}/{page}")
        browser.whole()
        browser(STILL)
        for theme in ("light", "dark"):
            browser(f"document.documentElement.dataset.theme = '{theme}'")
            whole_page(browser).save(folder / f"{name}-{width}-{theme}.png")
    (folder / f"{name}.pdf").write_bytes(browser.printed())


class Film:
    """Frames of a part of a page, (left, top, width, height), with a dot where the hand is."""

    def __init__(self, browser, *area):
        self.browser, self.area, self.frames, self.hand = browser, area, [], (0, 0)
        browser(HAND)

    def frame(self, count=1):
        # After two frames of the screen the answer to a change is there.
        self.browser(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))"
        )
        picture = Image.open(io.BytesIO(self.browser.picture(*self.area))).convert("RGB")
        size = WIDE, round(WIDE * picture.height / picture.width)
        self.frames += [picture.resize(size, Image.Resampling.LANCZOS)] * count

    def show_hand(self, x, y):
        self.hand = x, y
        self.browser(f"Object.assign(document.querySelector('#hand').style, {{left: '{x}px', top: '{y}px'}})")

    def way(self, x, y, steps):
        """The places between the hand and a place."""
        return [(self.hand[0] + (x - self.hand[0]) * k / steps, self.hand[1] + (y - self.hand[1]) * k / steps)
                for k in range(1, steps + 1)]  # fmt: skip

    def go(self, x, y, steps=6):
        for place in self.way(x, y, steps):
            self.show_hand(*place)
            self.frame()

    def drag(self, x, y, steps):
        places = [self.hand, *self.way(x, y, steps)]
        hands = iter([*places, places[-1]])

        def each():
            self.show_hand(*next(hands))
            self.frame()

        self.browser.drag(*places, each=each)

    def save(self, path):
        first, *rest = self.frames
        first.save(path, save_all=True, append_images=rest, duration=PAUSE, loop=0, quality=50, method=6)


def play(browser, address):
    """The moving picture: an object passes another, the slider goes to CLIP and back, the colours are swapped."""
    show(browser, 1000, 1400)
    browser.open(f"{address}/chapters/playground.html")
    browser.wait_until(f"!!{PANEL}?.playground")
    browser(f"document.documentElement.dataset.theme = 'light'; {PANEL}.playground.wake().then(() => null)")

    def box(selector):
        return browser(f"""(({{left, top, width, height}}) => [left, top, width, height])(
            {PANEL}.querySelector({selector!r}).getBoundingClientRect())""")

    def along(selector, x=0.5, y=0.5):
        left, top, width, height = box(selector)
        return left + x * width, top + y * height

    left, top, width, _ = box(".lc-play")
    film = Film(browser, left - 12, top - 6, width + 24, along(".lc-mix", 0, 1)[1] - top + 14)
    film.show_hand(*along(".lc-scene", 0.31, 0.63))
    film.frame(8)
    film.drag(*along(".lc-scene", 0.5, 0.7), 7)
    film.drag(*along(".lc-scene", 0.76, 0.72), 9)
    film.frame(6)
    film.go(*along(".lc-mix input", 0.98))
    for share in [*(1 - k / 12 for k in range(13)), *[0] * 7, *(k / 12 for k in range(13))]:
        browser(f"{PANEL}.playground.mix({share})")
        film.show_hand(*along(".lc-mix input", 0.02 + 0.96 * share))
        film.frame()
    film.go(*along(".lc-buttons button"))
    browser(f"[...{PANEL}.querySelectorAll('button')].find(one => one.textContent === 'swap colours').click()")
    film.frame(20)
    return film


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folded", action="store_true", help="leave predictions folded")
    parser.add_argument("--pages", nargs="*", default=[*PAGES, *MADE], help="such as chapters/index.html")
    parser.add_argument("--animation", action="store_true", help="the README's moving picture instead")
    options = parser.parse_args()
    if why := not_built() or (None if CHROMIUM else "There is no Chromium here."):
        sys.exit(why)
    with (
        tempfile.TemporaryDirectory() as host,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,  # Chromium still writes as it ends
        published(SITE, Path(host)) as address,
        Browser(profile, "--hide-scrollbars") as browser,
    ):
        if options.animation:
            play(browser, address).save(ANIMATION)
            print(ANIMATION)
            return
        OUT.mkdir(parents=True, exist_ok=True)
        always = f"localStorage.setItem('lc-show-results', '{str(not options.folded).lower()}')"
        browser.send("Page.addScriptToEvaluateOnNewDocument", source=always)
        for page in options.pages:
            shoot(browser, address, page, OUT)
            print(page)
    print(OUT)


if __name__ == "__main__":
    main()
