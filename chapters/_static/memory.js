// What this browser remembers of a reader: the place where they were, what they predicted, what they answered. It stays
// on the device. A browser that keeps nothing (private windows, files) shows nothing of it, and that is all.
(() => {
  const PLACE = "lc-place";

  const names = () => {
    try { return Object.keys(localStorage).filter(name => name.startsWith("lc-")); } catch { return []; }
  };
  const stored = name => {
    try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
  };

  // The section whose heading was passed last.
  function place(article) {
    const headings = [...article.querySelectorAll("h1, h2, h3")].filter(one => one.checkVisibility());
    const passed = headings.filter(one => one.getBoundingClientRect().top < 200);
    const heading = passed.at(-1) ?? headings[0];
    const text = heading.cloneNode(true);
    text.querySelectorAll(".headerlink").forEach(link => link.remove());
    return {page: location.pathname, section: heading.closest("section")?.id ?? "", text: text.textContent.trim()};
  }

  // How much of a page's predictions was made, and of its quiz answered.
  function done(page) {
    const under = kind => names().filter(name => name.startsWith(`lc-${kind} ${page} `)).map(stored);
    return {
      predictions: under("prediction").filter(guess => guess).length,
      questions: under("quiz").flat().filter(given => given?.length).length,
    };
  }

  function show(note, chapters) {
    const last = stored(PLACE);
    const began = chapters.map(chapter => {
      const made = done(new URL(chapter.href).pathname), {predictions, questions} = chapter.dataset;
      const any = made.predictions + made.questions > 0;
      chapter.querySelector(".lc-done").textContent = any ? `You: ${made.predictions} of ${predictions} predictions, ` +
        `${made.questions} of ${questions} quiz questions.` : "";
      return any;
    });
    note.hidden = !last && !began.some(Boolean);
    note.replaceChildren();
    if (last) {
      const link = document.createElement("a");
      link.href = `${last.page}${last.section ? `#${last.section}` : ""}`;
      link.textContent = last.text;
      note.append("You were last at ", link, ". ");
    }
    const forget = document.createElement("button");
    forget.type = "button";
    forget.textContent = "Forget everything";
    forget.title = "Where you were, what you predicted and answered: it is kept in this browser alone.";
    forget.addEventListener("click", () => {
      names().forEach(name => localStorage.removeItem(name));
      show(note, chapters);
    });
    note.append(forget);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const note = document.querySelector(".lc-remembered"), article = document.querySelector("article.bd-article");
    if (note) {
      const chapters = [...document.querySelectorAll("a.lc-chapter")];
      window.addEventListener("pageshow", () => show(note, chapters));
    } else if (article?.querySelector("h1") && /\/chapters\/\w/.test(location.pathname)) {
      document.addEventListener("visibilitychange", () => {
        if (document.visibilityState !== "hidden") return;
        try { localStorage.setItem(PLACE, JSON.stringify(place(article))); } catch { /* then not */ }
      });
    }
  });
})();
