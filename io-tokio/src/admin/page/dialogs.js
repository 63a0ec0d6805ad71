/** Dialogs: they take the focus, keep it, and give it back. */

import { $ } from "./dom.js";

const REACHABLE = "button, input, select, a[href], summary, [tabindex='0']";

/** Makes a dialog ready: its buttons of `data-close` close it, Tab stays within it. */
export function prepare(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Tab") return;
    const all = [...dialog.querySelectorAll(REACHABLE)].filter((element) => !element.disabled && element.checkVisibility());
    const [first, last] = [all[0], all.at(-1)];
    const edge = event.shiftKey ? first : last;
    if (document.activeElement !== edge && dialog.contains(document.activeElement)) return;
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  });
  dialog.addEventListener("close", () => {
    const back = dialog.opener;
    dialog.opener = undefined;
    // The event comes after the closing: by now the focus may stand where somebody has put it.
    if (document.activeElement !== document.body) return;
    if (back?.isConnected && back.checkVisibility()) back.focus();
    else if (!document.querySelector("dialog[open]")) $("connections").focus({ preventScroll: true });
  });
}

/** Opens a dialog over the page; when it closes the focus goes back to where it was. */
export function open(dialog) {
  if (dialog.open) return;
  dialog.opener = document.activeElement;
  dialog.showModal();
}

/** Lets a form of a dialog ask the server for something: closes the dialog when it was done, else says why not. */
export function submits(form, error, ask) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    error.textContent = "";
    try {
      await ask();
      form.closest("dialog").close();
    } catch (failed) {
      error.textContent = failed.message;
    } finally {
      button.disabled = false;
    }
  });
}

/** Asks for the token until one is given; `word` says what was wrong with the last one. */
export function askToken(word) {
  const dialog = $("token");
  $("token-error").textContent = word;
  $("token-input").value = "";
  open(dialog);
  return new Promise((resolve) => {
    // Without a token there is nothing to see: it cannot be left.
    dialog.oncancel = (event) => event.preventDefault();
    $("token-form").onsubmit = (event) => {
      event.preventDefault();
      dialog.close();
      resolve($("token-input").value.trim());
    };
  });
}
