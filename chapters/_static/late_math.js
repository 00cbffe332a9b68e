// On a page without a formula MathJax is loaded when the first tip shows one (tools/light_pages.py). Tips call
// MathJax.typesetPromise; once it is there, its own stands in the place of this one.
const beside = document.currentScript.src;
window.MathJax = {
  options: {processHtmlClass: "tex2jax_process|mathjax_process|math|output_area"},  // as on pages with formulas
  typesetPromise: elements => elements.some(element => element.querySelector(".math")) ? new Promise(done => {
    const script = document.createElement("script");
    script.src = new URL("mathjax/tex-chtml.js", beside);
    script.addEventListener("load", () => window.MathJax.startup.promise
      .then(() => window.MathJax.typesetPromise(elements)).then(done));
    document.head.append(script);
  }) : Promise.resolve(),
};
