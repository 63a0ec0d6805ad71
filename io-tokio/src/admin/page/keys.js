/** Shortcuts: single keys, off while somebody types, and to be switched off altogether. */

import { $, h } from "./dom.js";
import { open } from "./dialogs.js";

const OFF_KEY = "wsbeat-keys-off";

/** Binds `[key, what it does, action]` and fills the help with them. */
export function bind(shortcuts) {
  $("keys").append(...shortcuts.map(([key, words]) => h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, words))));
  $("keys").append(h("tr", {}, h("td", {}, h("kbd", {}, "Esc")), h("td", {}, "close what is open")));
  const on = $("keys-on");
  on.checked = localStorage.getItem(OFF_KEY) === null;
  on.addEventListener("change", () => (on.checked ? localStorage.removeItem(OFF_KEY) : localStorage.setItem(OFF_KEY, "1")));
  $("help-open").addEventListener("click", () => open($("help")));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || typing || !on.checked || document.querySelector("dialog[open]")) return;
    const found = shortcuts.find(([key]) => key === event.key);
    if (!found) return;
    event.preventDefault();
    found[2]();
  });
}
