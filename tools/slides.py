"""Make the slides of every chapter out of the book that was built: python tools/slides.py

They are cut from the pages in _build/html, where every value of the run, citation and cross reference is text already.
A rule makes them. A section opens with the question that it asks and the prediction that the reader makes. Each figure,
formula, statement, list, table, interactive piece and exercise has a slide, and so has a short cell with what it
prints; the section's checks close it. All other prose goes to the speaker notes. Solutions go nowhere.

reveal.js shows them, in the copy that sphinx-revealjs brings. It is served with the site, as are the chapters' MathJax
and code styles, so a lecture needs no network. Keys: S for the speaker notes, O for all slides at once, ? for the
others. For a PDF open NAME.html?print-pdf in Chromium and print.
"""

import ast
import copy
import html
import re
import shutil
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from urllib.parse import urljoin

from bs4 import BeautifulSoup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ROOT = Path(__file__).resolve().parents[1]
LINES = 15  # a cell, a printed result or a table with more of them stays in the chapter
UNSHOWN = ("tag_hide-", "tag_remove-", "tag_setup-imports", "tag_exercise-")
QUESTION = re.compile(r"(?:^|(?<=[.?!:]\s))[A-Z][^.?!\\]*\?")  # one sentence, with no formula
CHECK = re.compile(r"✓ (.+): (\S+) \(should be (.+)\)")
REVEAL_FILES = ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js", "LICENSE")

PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<script>
const chosen = new URLSearchParams(location.search).has("print-pdf") ? "light" : localStorage.getItem("theme");
document.documentElement.dataset.theme = ["light", "dark"].includes(chosen) ? chosen :
  matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
</script>
{head}
<link rel="stylesheet" href="slides.css"></head>
<body>{body}</body></html>
"""

INDEX = """<main class="index"><h1>Slides</h1>
<ul>{links}</ul>
<p>Keys: space for the next slide, S for the speaker notes, O for all slides at once, ? for the others.
For a PDF, print the page &ldquo;to print&rdquo; in Chromium, with no margins and with background graphics.</p>
<p><a href="../index.html">The book</a></p></main>"""

DECK = """<div class="reveal tex2jax_ignore mathjax_ignore"><main class="slides">
{slides}
</main></div>
<noscript>These slides need JavaScript; <a href="{chapter}">the chapter</a> needs none.</noscript>
<script src="reveal/reveal.js"></script>
<script src="reveal/notes.js"></script>
<script>
addEventListener("load", async () => {{
  await window.MathJax?.startup?.promise;
  // The speaker's window has none of MathJax's styles, but every browser draws MathML.
  if (window.MathJax?.tex2mml) document.querySelectorAll(".notes .tex").forEach(formula => {{
    const tex = formula.textContent.trim();
    formula.innerHTML = MathJax.tex2mml(tex.slice(2, -2), {{display: tex.startsWith("\\\\[")}});
  }});
  const deck = document.querySelector(".reveal");
  const over = box => box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth;
  deck.classList.add("measuring");
  for (const body of deck.querySelectorAll(".body"))
    for (let size = 96; size >= 48 && over(body); size -= 4) body.style.fontSize = size + "%";
  deck.classList.remove("measuring");
  Reveal.initialize({{
    width: 1280, height: 720, margin: 0.02, center: false, hash: true, slideNumber: "c/t", transition: "none",
    navigationMode: "linear", controlsLayout: "edges", scrollActivationWidth: null, plugins: [RevealNotes],
  }});
}});
</script>"""

STYLE = """\
:root { --paper: #fff; --ink: #1c1c1f; --quiet: #565a61; --accent: #0a5c8a; --box: #eef4f8; }
[data-theme="dark"] { color-scheme: dark;
  --paper: #16181c; --ink: #eceef0; --quiet: #a9afb8; --accent: #86c8f2; --box: #232a32; }
body, .reveal-viewport { background: var(--paper); color: var(--ink); font-family: system-ui, sans-serif; }
a, .reveal .controls { color: var(--accent); } .reveal .slides { text-align: left; }
.index { max-width: 44rem; margin: 0 auto; padding: 1rem; line-height: 1.5; }
.reveal .slide-number { right: auto; left: 8px; background: none; color: var(--quiet); font-size: 16px; }
.slide { box-sizing: border-box; width: 1280px; height: 720px; padding: 24px 64px 40px; font-size: 30px;
  line-height: 1.4; display: flex; flex-direction: column; gap: 12px; }
.measuring section { display: block !important; } .where { margin: 0; font-size: 18px; color: var(--quiet); }
.body { flex: 1; min-height: 0; display: grid; align-content: safe center; grid-template-columns: minmax(0, 1fr); }
.body h1, .body h2 { margin: 0 0 0.6em; font-size: 1.6em; line-height: 1.2; } .body h1 { font-size: 2em; }
.body p, .body li { margin: 0 0 0.5em; } .body ul, .body ol { margin: 0; padding-left: 1.2em; }
.predicts, .admonition { background: var(--box); border-left: 6px solid var(--accent); padding: 0.8em 1em 0.3em; }
.admonition-title, .caption-number { font-weight: 650; } .asks { font-size: 1.2em; color: var(--quiet); }
.formula { font-size: 1.25em; } .figure { align-content: stretch; grid-template-rows: minmax(0, 1fr); }
figure { margin: 0; min-height: 0; display: flex; flex-direction: column; gap: 10px; }
figure img { flex: 1; min-height: 0; width: 100%; object-fit: contain; }
figcaption { font-size: 20px; line-height: 1.35; } .body figcaption p, .body td p, .body th p { margin: 0; }
.body pre { margin: 0 0 0.5em; font: 0.8em/1.45 ui-monospace, monospace; } .body code { font-size: 0.92em; }
.body .highlight { border-radius: 8px; padding: 0.7em 1em 0.3em; background: var(--box) !important; }
.body .printed { white-space: pre-wrap; border-left: 4px solid var(--quiet); margin-top: 1em; padding-left: 1em; }
table { border-collapse: collapse; font-size: 0.8em; justify-self: start; }
th, td { padding: 0.25em 0.8em 0.25em 0; border-bottom: 1px solid var(--quiet); text-align: left; vertical-align: top; }
.body .lc-panel { max-width: none; font-size: 0.75em; padding: 0.8em 1.2em; } .body.quiz .lc-panel { font-size: 1em; }
.body .lc-panel legend { font-size: 1em; } .body input[type=radio] { width: 0.8em; height: 0.8em; }
"""


@dataclass
class Slide:
    kind: str  # a class of the style sheet
    body: str  # HTML
    notes: list = field(default_factory=list)  # HTML, what the speaker says
    root: str = ""  # of a quiz: the id by which its script finds all its questions


def parts(section):
    """The pieces of a section in reading order, those of its subsections among them."""
    for part in section.find_all(True, recursive=False):
        yield from parts(part) if part.name == "section" else [part]


def clean(part, math="math"):
    """HTML of a piece, with no ids, which exercises share, and no sections, which reveal.js would take for slides."""
    part = copy.copy(part)
    for tag in (part, *part.find_all(True)):
        tag.attrs.pop("id", None)
        tag.name = "div" if tag.name == "section" else tag.name
        if "math" in tag.get("class", ()):
            tag["class"] = math
    return part.decode()


def silent(node):
    """Whether a statement only checks a number or hands it to the prose."""
    if isinstance(node, ast.If | ast.For):
        return all(map(silent, node.body + node.orelse))
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("check", "glue")


def essential(source):
    """The lines of a cell without those that only check a number or hand it to the prose."""
    gone = [range(node.lineno, node.end_lineno + 1) for node in ast.walk(ast.parse(source)) if silent(node)]
    lines = [line for n, line in enumerate(source.splitlines(), 1) if not any(n in span for span in gone)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).replace("  # fmt: skip", "")).strip("\n")


def from_panel(output):
    """An interactive piece, live; the questions of a quiz on a slide each, still marked by their one script."""
    panel, style, script = output.select_one(".lc-panel"), output.find("style"), output.find("script")
    slides = [Slide("quiz", f'<div class="lc-panel">{one}</div>', root=panel["id"]) for one in panel.select("fieldset")]
    slides = slides or [Slide("piece", str(panel))]
    slides[0].body = f"{style}{slides[0].body}"
    slides[-1].body += str(script)
    return slides


def from_cell(cell, chapter):
    """The slides of a cell and its outputs, and what its checks found: (what, value, what it should be)."""
    slides, checks, printed = [], [], []
    for output in cell.select(".cell_output > *"):
        image, rows = output if output.name == "img" else output.find("img"), len(output.find_all("tr"))
        if passed := output.select_one(".lc-check"):
            checks += [found.groups() for found in [CHECK.fullmatch(passed.get_text())] if found]
        elif {"stream", "text_plain"} & set(output.get("class", ())):
            printed += output.get_text().strip("\n").splitlines()
        elif output.select_one(".lc-panel"):
            slides += from_panel(output)
        elif image:
            caption, alt = output.find("figcaption"), html.escape(image.get("alt", ""))
            picture = f'<img src="{image["src"]}" alt="{alt}">{clean(caption) if caption else ""}'
            slides.append(Slide("figure", f"<figure>{picture}</figure>"))
        elif rows or output.name in ("ul", "ol"):
            link = f'<a href="{chapter}#{cell.find_parent("section")["id"]}">A table of {rows - 1} rows</a>'
            slides.append(Slide("table", link if rows > LINES + 1 else clean(output.find("table") or output)))
    # A cell that makes a table or an interactive piece is about its layout.
    shown = not any(name.startswith(UNSHOWN) for name in cell["class"])
    source = cell.select_one(".cell_input pre")
    code = essential(source.get_text()) if source and shown and all(one.kind == "figure" for one in slides) else ""
    body = highlight(code, PythonLexer(), HtmlFormatter()) if code and code.count("\n") < LINES else ""
    if shown and any(printed) and len(printed) <= LINES:
        body += f'<pre class="printed">{html.escape(chr(10).join(printed))}</pre>'
    return [Slide("code", body), *slides] if body else slides, checks


def cut(section, chapter):
    """The slides of one section of a page. chapter: the address of its page."""
    slides, checks, opening = [], [], False
    for part in parts(section):
        kinds, text = set(part.get("class", ())), part.get_text()
        if part.name in ("h2", "h3"):
            slides, opening = [*slides, Slide("heading", f"<h2>{part.decode_contents()}</h2>")], True
        elif text.startswith("Predict."):
            if slides[-1].kind != "heading":
                slides.append(Slide("heading", ""))
            slides[-1].body += f'<div class="predicts">{clean(part)}</div>'
        elif part.name in ("ul", "ol"):
            if not slides[-1].body.endswith("</h2>"):
                slides.append(Slide("list", ""))
            slides[-1].body += clean(part)
        elif "math" in kinds or text.startswith("What this does not show"):
            slides.append(Slide("formula" if "math" in kinds else "closing", clean(part)))
        elif "exercise" in kinds:
            link = f'<p><a href="{chapter}#{part["id"]}">Try it in the chapter</a></p></div>'
            for cell in part.select(".cell"):
                cell.decompose()
            slides.append(Slide("exercise", clean(part).removesuffix("</div>") + link))
        elif "cell" in kinds:
            found, checked = from_cell(part, chapter)
            slides, checks = slides + found, checks + checked
        elif ("admonition" in kinds and kinds != {"proof", "admonition"}) or part.select_one(".highlight"):
            if "solution" not in kinds:
                slides.append(Slide("statement", clean(part)))
        else:
            if opening and (asked := QUESTION.search(text)):
                slides[-1].body += f'<p class="asks">{html.escape(asked[0])}</p>'
            slides[-1].notes.append(clean(part, math="tex"))
            opening = False
    for at in range(0, len(checks), LINES):
        rows = [["Checked", "found", "should be"], *checks[at : at + LINES]]
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        slides.append(Slide("table", f"<table>{rows.replace('<td>', '<th>', 3).replace('</td>', '</th>', 3)}</table>"))
    return slides


def stack(slides, where=""):
    """HTML of a section's slides, which reveal.js keeps in one column."""
    made, roots = [], [f' id="{slide.root}"' for slide in slides if slide.root]
    for slide in slides:
        label = "" if slide.body.startswith("<h") else f'<p class="where">{html.escape(where)}</p>'
        notes = f'<aside class="notes">{"".join(slide.notes)}</aside>'
        made.append(f'<div class="slide">{label}<div class="body {slide.kind}">{slide.body}</div></div>{notes}')
    made = "</section>\n<section>".join(made)
    return f"<section{''.join(roots[:1])}>\n<section>{made}</section>\n</section>"


def deck(page, name):
    """The slides of the chapter whose page, chapters/NAME.html, has this HTML. Returns their HTML and the title."""
    soup, chapter = BeautifulSoup(page, "html.parser"), f"../chapters/{name}.html"
    for link in soup.select("a.headerlink"):
        link.decompose()
    for attribute in ("href", "src"):
        for tag in soup.select(f"[{attribute}]"):
            tag[attribute] = urljoin(f"file:///chapters/{name}.html", tag[attribute]).replace("file:///", "../")
    article = soup.select_one("article section:has(> h1)")
    title, book = article.h1.decode_contents(), soup.title.get_text()
    asks = f'<p class="asks">{article.find("p").decode_contents()}</p>'
    link = f'<p><a href="{chapter}">The chapter in the book</a></p>'
    notes = [clean(box, math="tex") for box in article.select(":scope > .admonition")]
    stacks = [stack([Slide("heading", f"<h1>{title}</h1>{asks}{link}", notes)])]
    for section in article.find_all("section", recursive=False):
        stacks.append(stack(cut(section, chapter), section.h2.get_text()))
    # The chapter's own code style, and its own MathJax with its settings.
    borrowed = soup.select('link[href*=pygments], script[src*=mathjax], script:-soup-contains("window.MathJax")')
    head = "\n".join(['<link rel="stylesheet" href="reveal/reveal.css">', *map(str, borrowed)])
    body = DECK.format(slides="\n".join(stacks), chapter=chapter)
    return PAGE.format(lang=soup.html["lang"], title=f"Slides: {book}", head=head, body=body), title


def copy_reveal(folder):
    """Put what is needed of reveal.js into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files("sphinx_revealjs") / "_static" / "revealjs") as reveal:
        for name in REVEAL_FILES:
            shutil.copy(reveal / name, folder)


def make_slides(book=ROOT / "_build" / "html", chapters=ROOT / "chapters"):
    """Write book/slides/NAME.html for each notebook of chapters, and an index, whose path it returns.

    Stops with a sentence when the built book does not have the page of a notebook as it is now.
    """
    texts, links = {"slides.css": STYLE}, ""
    for notebook in sorted(chapters.glob("*.ipynb")):
        built, name = book / "_sources" / "chapters" / notebook.name, f"{notebook.stem}.html"
        if not built.is_file() or built.read_bytes() != notebook.read_bytes():
            raise SystemExit(f"{book} has no page of {notebook.name} as it is now; build the book with `make book`.")
        texts[name], title = deck((book / "chapters" / name).read_text(encoding="utf-8"), notebook.stem)
        links += f'<li><a href="{name}">{title}</a> (<a href="{name}?print-pdf">to print</a>)</li>\n'
    texts["index.html"] = PAGE.format(lang="en", title="Slides", head="", body=INDEX.format(links=links))
    copy_reveal(book / "slides" / "reveal")
    for name, text in texts.items():
        (book / "slides" / name).write_text(text, encoding="utf-8")
    return book / "slides" / "index.html"


if __name__ == "__main__":
    print(make_slides())
