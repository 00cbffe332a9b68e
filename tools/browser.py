"""A headless Chromium that reads a page as a reader does, by mouse and by keyboard.

It is driven over a pipe, in the protocol of its developer tools (chromedevtools.github.io/devtools-protocol).
"""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

FOUND = filter(None, map(shutil.which, ("google-chrome", "chromium")))
CHROMIUM = next((path for path in FOUND if Path(path).resolve().name != "snap"), None)  # a snap cannot read our files
if not CHROMIUM and os.environ.get("LABCLIP_BROWSER") == "required":
    raise RuntimeError("LABCLIP_BROWSER is 'required', and there is no Chromium here; install one, or unset it.")
# The sandbox needs namespaces, which not every machine grants; the only page it would guard us from is our own.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--no-first-run", "--window-size=900,1200", "--remote-debugging-pipe",
)  # fmt: skip
KEYS = {  # (the name of the key to a page, its number on Windows, what it types)
    "Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), "Space": (" ", 32, " "), "End": ("End", 35, ""),
    "Home": ("Home", 36, ""), "Left": ("ArrowLeft", 37, ""), "Right": ("ArrowRight", 39, ""),
    "Up": ("ArrowUp", 38, ""), "Down": ("ArrowDown", 40, ""), "Escape": ("Escape", 27, ""),
}  # fmt: skip
PATIENCE = 30  # seconds, on a busy machine


class PageLeft(AssertionError):
    """The page was left before it could answer."""


class Browser:
    """One page of a Chromium that lives as long as the `with` block. Selectors are CSS."""

    def __init__(self, profile, *options):
        self.profile, self.options = profile, options  # an empty folder; more options of Chromium
        self.numbers = itertools.count(1)
        self.session = {}
        self.received = b""
        self.events = []  # since the page was opened

    def __enter__(self):
        theirs, self.to = os.pipe()
        self.back, ours = os.pipe()
        command = [CHROMIUM, *FLAGS, *self.options, f"--user-data-dir={self.profile}"]
        self.process = subprocess.Popen(
            # Chromium reads from 3 and writes to 4.
            ["bash", "-c", f'exec "$@" 3<&{theirs} 4>&{ours}', "bash", *command], pass_fds=(theirs, ours),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        os.close(ours)
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = {"sessionId": self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.back)

    def send(self, method, **params):
        """Calls a method of the protocol."""
        number = next(self.numbers)
        os.write(
            self.to, json.dumps({"id": number, "method": method, "params": params, **self.session}).encode() + b"\0"
        )
        while (message := self.receive()).get("id") != number:
            self.events.append(message)
        if "error" in message:
            told = message["error"]["message"]
            raise (PageLeft if "navigated" in told else AssertionError)(f"{method}: {told}")
        return message["result"]

    def receive(self):
        """The next message, an answer or an event."""
        while b"\0" not in self.received:
            assert select.select([self.back], [], [], PATIENCE)[0], "Chromium is silent."
            part = os.read(self.back, 1 << 16)
            assert part, "Chromium has ended."
            self.received += part
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def open(self, page):
        """Opens a file, a Path, or an address, a str."""
        self.events = []
        self.send("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def whole(self):
        """Waits until the page has its formulas and its pictures, also those that it would fetch further down."""
        self("""Promise.resolve(window.MathJax?.startup?.promise).then(() => {
            const images = [...document.images].filter(image => image.src);
            for (const image of images) image.loading = "eager";
            return Promise.all(images.map(image => image.decode().catch(() => {})));
        }).then(() => null)""")

    def __call__(self, script):
        """The value of a JavaScript expression, and of a promise what it brings."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{script}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait_until(self, script):
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(PageLeft):
                if self(script):
                    return
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.05)

    def click(self, selector, along=0.5):
        """Clicks in the middle of an element, or at this share of its width."""
        x, y, hit = self(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            const x = box.left + {along} * box.width, y = box.top + box.height / 2;
            return [x, y, element.contains(document.elementFromPoint(x, y))];
        }})()""")
        assert hit, f"{selector} is covered"
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, first, *rest, by="mouse", each=lambda: None):
        """Takes what lies at a place, (x, y), along others, and lets go of it at the last. each: is called at each."""
        points = [{"x": x, "y": y} for x, y in (first, *rest)]
        kinds = {
            "mouse": ("mousePressed", "mouseMoved", "mouseReleased"),
            "touch": ("touchStart", "touchMove", "touchEnd"),
        }
        for kind, point in zip(
            (kinds[by][0], *[kinds[by][1]] * len(rest), kinds[by][2]), (*points, points[-1]), strict=True
        ):
            if by == "mouse":
                self.send("Input.dispatchMouseEvent", type=kind, **point, button="left", buttons=1, clickCount=1)
            else:
                at = [] if kind == "touchEnd" else [point]
                self.send("Input.dispatchTouchEvent", type=kind, touchPoints=at)
            each()

    def press(self, *keys):
        for name, number, text in map(KEYS.get, keys):
            about = {"key": name, "windowsVirtualKeyCode": number}
            self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
            self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def tab_to(self, selector):
        """Presses Tab until an element has the focus."""
        for _ in range(100):
            if self(f"document.activeElement.matches({json.dumps(selector)})"):
                return
            self.press("Tab")
        raise AssertionError(f"Tab never comes to {selector}")

    def use(self, selector, by):
        """Presses a button by "mouse" or by "keyboard"."""
        if by == "mouse":
            self.click(selector)
        else:
            self.tab_to(selector)
            self.press("Enter")

    def picture(self, left, top, width, height):
        """A part of the page, in its own pixels, also of what is not on the screen: a PNG, bytes."""
        clip = {"x": left, "y": top, "width": width, "height": height, "scale": 1}
        return base64.b64decode(self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"])

    def printed(self):
        """The page on paper: a PDF, bytes."""
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])

    def complaints(self):
        """What the page wrote into the console, and errors that nobody caught."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event["params"] for event in self.events if event["method"] in kinds]

    def requests(self):
        """The addresses that the page asked for."""
        asked = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in asked]
