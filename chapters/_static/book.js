// A figure that scrolls in its own box (book.css) is a stop of the Tab key, so that the arrows can scroll it.
const figures = new ResizeObserver(entries => entries.forEach(({target}) => {
  if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
  else target.removeAttribute("tabindex");
}));
const SMALL = 480; // pixels: at the width of a phone its words can still be read
document.addEventListener("DOMContentLoaded", () =>
  document.querySelectorAll(".bd-content figure").forEach(figure => {
    const image = figure.querySelector("img");
    const sort = () => figure.classList.toggle("lc-small", 0 < image?.naturalWidth && image.naturalWidth < SMALL);
    image?.addEventListener("load", sort);
    sort();
    figures.observe(figure);
  }));
