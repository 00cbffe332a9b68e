// The page of the search: the chapter that says most about the words comes first, and excerpts are prose
// (tools/search_order.py counts the words of each chapter: window.chapterWords).
(() => {
  const {performTermsSearch, htmlToText} = Search;

  Search.performTermsSearch = (words, excluded) => {
    const results = performTermsSearch(words, excluded), wanted = [...words].filter(word => word.length > 2);
    // How much of a chapter the rarest of the words is; twice that where the chapter's file is named after them.
    const share = ([page]) => {
      const counts = window.chapterWords[page];
      if (!counts || !wanted.length) return 0;
      const all = Object.values(counts).reduce((sum, often) => sum + often, 0);
      const named = wanted.every(word => page.includes(word)) ? 2 : 1;
      return named * Math.min(...wanted.map(word => counts[word] ?? 0)) / all;
    };
    const most = Math.max(0, ...results.map(share));
    // Sphinx gives a word in a text 5 points, one in a heading 15, an entry of the glossary up to 100.
    if (most) results.forEach(result => { result[4] += share(result) === most ? 200 : 9 * share(result) / most; });
    return results;
  };

  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = page.querySelector("[role=main]"), article = page.querySelector("article.bd-article");
    if (main && article) main.replaceChildren(article);
    page.querySelectorAll("summary, .cell_input, .admonition.boxes, .lc-panel").forEach(part => part.remove());
    return htmlToText(page.documentElement.outerHTML, anchor);
  };
})();
