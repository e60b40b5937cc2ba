// What both pages use.
import { SessionClient } from "./session-client.js";

/** @typedef {import("./messages.js").CaptionView} CaptionView */
/** @typedef {import("./session-client.js").State} State */

export const LANGUAGES = "en es fr de it pt ru ja ko zh ar hi nl pl tr sv da no fi".split(" ");

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
export const element = (id) => /** @type {T} */ (document.getElementById(id));

/** @returns {Promise<{apiUrl: string, websocketUrl: string, audio: boolean}>} */
export const settings = async () => (await fetch("/settings.json")).json();

/** @param {{apiUrl: string, websocketUrl: string}} addresses @param {() => Promise<string>} [token] */
export const client = (addresses, token) => new SessionClient({ ...addresses, token });

/** The language's name in itself. @param {string} code */
export const nameOf = (code) => new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;

/** @param {HTMLSelectElement} select @param {string} chosen */
export function fillLanguages(select, chosen) {
  for (const code of LANGUAGES) {
    const option = new Option(nameOf(code), code, false, code === chosen);
    option.lang = code;
    select.add(option);
  }
}

/** The first language of the browser that the service has. */
export const ownLanguage = () =>
  navigator.languages.map((tag) => tag.split("-")[0].replace(/^(nb|nn)$/, "no")).find((code) => LANGUAGES.includes(code)) ?? "en";

/** Show captions: each one once, and only what has changed is written, because screen readers read that.
 * @param {HTMLElement} list @param {CaptionView[]} captions @param {number} most */
export function showCaptions(list, captions, most) {
  const shown = captions.slice(-most);
  const wanted = new Set(shown.map(({ sequence }) => String(sequence)));
  for (const item of [...list.children]) {
    if (!wanted.has(/** @type {HTMLElement} */ (item).dataset.sequence ?? "")) item.remove();
  }
  shown.forEach((caption, position) => {
    let item = /** @type {HTMLElement | null} */ (list.children[position]);
    if (item?.dataset.sequence !== String(caption.sequence)) {
      item = document.createElement("li");
      item.dataset.sequence = String(caption.sequence);
      list.insertBefore(item, list.children[position] ?? null);
    }
    if (item.textContent !== caption.text) item.textContent = caption.text;
    item.lang = caption.language;
    item.dir = "auto";
  });
  list.lastElementChild?.scrollIntoView({ block: "end" });
}

/** @type {Record<string, string>} */
const REASONS = {
  ended: "The session has ended.",
  "not found": "There is no session with this code. Check the code, or ask the speaker for it.",
  full: "The session is full. This page tries again until there is a place.",
  "signed out": "You are not signed in any more. Reload the page.",
  unreachable: "The connection is lost. This page connects again by itself.",
  left: "You have left the session.",
};

/** @param {State} state */
export const stateText = ({ state, reason }) =>
  state === "open" ? "Connected." : state === "connecting" ? "Connecting …" : REASONS[reason ?? "unreachable"];
