// A figure that scrolls in its own box (book.css) is a stop of the Tab key, so that the arrows can scroll it.
const figures = new ResizeObserver(entries => entries.forEach(({target}) => {
  if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
  else target.removeAttribute("tabindex");
}));
document.addEventListener("DOMContentLoaded", () =>
  document.querySelectorAll(".bd-content figure").forEach(figure => figures.observe(figure)));
