// The scripts of the interactive pieces, plain browser scripts that labclip_lib/book/pieces/panel.py puts into one function,
// the modules of the live pieces, and the site's own.
import js from "@eslint/js";

const readonly = names => Object.fromEntries(names.map(name => [name, "readonly"]));

export default [
  {ignores: ["chapters/_static/tippy/**"]},  // others' code, as they published it
  js.configs.recommended,
  {
    languageOptions: {sourceType: "script", globals: readonly([
      "document", "localStorage", "location", "setInterval", "clearInterval", "setTimeout", "clearTimeout", "CustomEvent",
      "MutationObserver", "ResizeObserver",
    ])},
    linterOptions: {reportUnusedDisableDirectives: "error"},
    rules: {
      "eqeqeq": "error",
      "no-shadow": "error",
      "no-unused-vars": ["error", {vars: "local"}],  // what stands at the top of a file is for the panel
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["chapters/_static/*.js"],
    languageOptions: {globals: readonly(["DOMParser", "Search", "URL", "window"])},
  },
  {
    files: ["**/pieces/js/*.js"],
    ignores: ["**/frame.js"],
    languageOptions: {globals: readonly([
      "bar", "choose", "draw", "drawing", "gauge", "store", "stored", "tell", "performance", "requestAnimationFrame",
    ])},
  },
  {
    files: ["**/live/js/*.js"],
    languageOptions: {sourceType: "module", globals: readonly([
      "DecompressionStream", "ImageData", "Response", "TextDecoder", "URL", "fetch", "history", "navigator",
      "requestAnimationFrame", "structuredClone",
    ])},
  },
];
