// Figures. One that scrolls in its own box (book.css) is a stop of the Tab key, so that the arrows can scroll it; any
// can be opened large.
const scrolling = new ResizeObserver(entries => entries.forEach(({target}) => {
  if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
  else target.removeAttribute("tabindex");
}));
const SMALL = 480; // pixels: at the width of a phone its words can still be read

function enlarge(image) {
  const dialog = document.createElement("dialog"), close = document.createElement("button");
  const large = document.createElement("img");
  dialog.className = "lc-large";
  dialog.ariaLabel = "The figure, enlarged";
  close.textContent = "Close";
  large.src = image.src;
  large.alt = image.alt;
  // As large as the window, and on a phone larger: there it scrolls, and two fingers make it larger still.
  large.style.width = `max(min(94vw, ${image.naturalWidth / image.naturalHeight} * 88vh), 56rem)`;
  dialog.append(close, large);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function enlargeable(figure, image) {
  const caption = figure.querySelector("figcaption");
  if (!caption) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "lc-enlarge";
  button.textContent = "Enlarge";
  button.ariaLabel = `Enlarge ${caption.querySelector(".caption-number")?.textContent.trim() ?? "the figure"}`;
  caption.append(button);
  button.addEventListener("click", () => enlarge(image));
  image.addEventListener("click", () => {
    button.focus(); // where the focus returns to
    enlarge(image);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".bd-content figure").forEach(figure => {
    const image = figure.querySelector("img");
    if (image) {
      const sort = () => {
        const width = +image.getAttribute("width") || image.naturalWidth;
        figure.classList.toggle("lc-small", 0 < width && width < SMALL);
      };
      image.addEventListener("load", sort);
      sort();
      enlargeable(figure, image);
    }
    scrolling.observe(figure);
  });
});

// Code and tables that scroll in their own boxes can be scrolled by the arrows as well.
document.addEventListener("DOMContentLoaded", () =>
  document.querySelectorAll(".bd-content div.highlight pre, .bd-content .pst-scrollable-table-container")
    .forEach(box => scrolling.observe(box)));

// Paper is white: a page that is dark is printed in its light colours.
const whole = document.documentElement;
let shown = null;
window.addEventListener("beforeprint", () => {
  shown = whole.dataset.theme;
  whole.dataset.theme = "light";
});
window.addEventListener("afterprint", () => {
  if (shown) whole.dataset.theme = shown;
});
