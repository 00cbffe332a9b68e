"""A Sphinx extension: a page loads what it shows, and nothing else.

Of Font Awesome the theme loads all icons twice, as a script and as fonts; the pages show two dozen. Of these this makes
fonts of their own, and the script is left out (templates/static/webpack-macros.html). MathJax comes to pages with a
formula, and to others when a tip shows one (late_math.js). Pictures are loaded as the reader comes near.
"""

import re
from pathlib import Path

from fontTools import subset
from PIL import Image

from labclip_lib.base.files import write_text

HERE = Path(__file__).parent
FACES = {  # file: (family, weight)
    "fa-solid-900": ("Font Awesome 6 Free", 900),
    "fa-regular-400": ("Font Awesome 6 Free", 400),
    "fa-brands-400": ("Font Awesome 6 Brands", 400),
}
PICTURE = re.compile(r'<img ([^>]*?\bsrc="[^"]*?_images/([^"/]+)"[^>]*?) ?/?>')
STYLED = re.compile(r' style="width: (\d+)px; height: (\d+)px;"')  # as an output's picture has it
SIZE = r' width="\1" height="\2"'
DENSITY = 110  # dots an inch, at which a figure of book/figures/style.py is as wide as it is meant to be


def without_math(app, pagename, templatename, context, doctree):
    """Exchange MathJax, on a page without a formula, for a script that waits for one."""
    if 'class="math' not in context.get("body", ""):
        kept = [file for file in context["script_files"] if "mathjax" not in _said(file).lower()]
        late = ["_static/late_math.js"] if len(kept) < len(context["script_files"]) else []
        context["script_files"] = kept + late


def _said(file):
    """The name of a script, and what it says where it has no file."""
    return f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', {}).get('body', '')}"


def lazy_pictures(app, pagename, templatename, context, doctree):
    """Give each picture its size, so that nothing jumps, and let all but the page's first wait until they are near.

    The size is given as attributes: from them a browser knows the shape of a picture that has not come yet, also where
    it has to be narrower. From a style it does not.
    """
    if "body" in context:
        files = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}
        first = PICTURE.search(context["body"])
        context["body"] = PICTURE.sub(
            lambda match: (
                f"<img {STYLED.sub(SIZE, match[1])}{_size(match, files)}"
                f'{"" if match.start() == first.start() else " loading=lazy"} decoding="async" />'
            ),
            context["body"],
        )


def _size(match, files):
    if "width" in match[1] or match[2] not in files:
        return ""
    with Image.open(files[match[2]]) as picture:
        scale = DENSITY / picture.info.get("dpi", (DENSITY, DENSITY))[0]
        return ' width="{}" height="{}"'.format(*(round(scale * side) for side in picture.size))


def icons(pages, style, scripts):
    """The characters of the icons that pages and scripts name, and of those that the style sheet uses by itself."""
    names = set(re.findall(r"\bfa-[a-z-]+", " ".join([*pages, *scripts])))
    found = re.findall(r"--pst-icon-[\w-]+: ?\"(.)\"", style)
    for selectors, code in re.findall(r'([^{}]+)\{content:"\\([0-9a-f]{4})"', style):
        if names & set(re.findall(r"\.(fa-[a-z-]+):", selectors)):
            found.append(chr(int(code, 16)))
    return "".join(sorted(set(found)))


def few_icons(app, error):
    """Write fonts of the icons that are used, and the style sheet that prefers them to the theme's."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    read = lambda paths: [path.read_text(encoding="utf-8") for path in paths]  # noqa: E731
    (style,) = read([static / "styles" / "pydata-sphinx-theme.css"])
    scripts = read(path for path in (static / "scripts").glob("*.js") if path.stem != "fontawesome")
    wanted = icons(read(Path(app.outdir).rglob("*.html")), style, scripts) + "\uf107"  # the book theme's own arrow
    rules = []
    for name, (family, weight) in FACES.items():
        options = subset.Options(flavor="woff", notdef_outline=True)
        font = subset.load_font(static / "vendor" / "fontawesome" / "webfonts" / f"{name}.ttf", options)
        here = [ord(icon) for icon in wanted if ord(icon) in font.getBestCmap()]
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=here)
        subsetter.subset(font)
        subset.save_font(font, static / f"{name}.woff", options)
        covered = ", ".join(f"U+{code:X}" for code in here) or "U+0"
        rules.append(
            f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-display: block; '
            f"src: url({name}.woff); unicode-range: {covered}; }}\n"
        )
    write_text(static / "icons.css", "".join(rules))
    (static / "scripts" / "fontawesome.js").unlink(missing_ok=True)


def setup(app):
    app.config.templates_path.append(str(HERE / "templates"))
    app.add_css_file("icons.css")
    app.connect("html-page-context", without_math, priority=900)
    app.connect("html-page-context", lazy_pictures, priority=400)
    app.connect("build-finished", few_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
