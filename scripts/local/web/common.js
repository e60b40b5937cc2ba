// What both pages use.
import { SessionClient } from "./session-client.js";

/** @typedef {import("./messages.js").CaptionView} CaptionView */
/** @typedef {import("./messages.js").Language} Language */
/** @typedef {import("./session-client.js").State} State */

/** Each language of the service, with its name in itself. */
const NAMES = /** @satisfies {Record<Language, string>} */ ({
  en: "English", es: "español", fr: "français", de: "Deutsch", it: "italiano", pt: "português", ru: "русский",
  ja: "日本語", ko: "한국어", zh: "中文", ar: "العربية", hi: "हिन्दी", nl: "Nederlands", pl: "polski", tr: "Türkçe",
  sv: "svenska", da: "dansk", no: "norsk", fi: "suomi",
});
export const LANGUAGES = Object.keys(NAMES);

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
export const element = (id) => /** @type {T} */ (document.getElementById(id));

/** @returns {Promise<{apiUrl: string, websocketUrl: string, audio: boolean}>} */
export const settings = async () => (await fetch("/settings.json")).json();

/** @param {{apiUrl: string, websocketUrl: string}} addresses @param {() => Promise<string>} [token] */
export const client = (addresses, token) => new SessionClient({ ...addresses, token });

/** @param {string} code */
export const nameOf = (code) => /** @type {Record<string, string>} */ (NAMES)[code] ?? code;

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
 * A caption in another language than `wanted` is marked as not translated.
 * @param {HTMLElement} list @param {CaptionView[]} captions @param {number} most @param {string} [wanted] */
export function showCaptions(list, captions, most, wanted) {
  const shown = captions.slice(-most);
  const sequences = new Set(shown.map(({ sequence }) => String(sequence)));
  for (const item of [...list.children]) {
    if (!sequences.has(/** @type {HTMLElement} */ (item).dataset.sequence ?? "")) item.remove();
  }
  shown.forEach((caption, position) => {
    let item = /** @type {HTMLElement | null} */ (list.children[position]);
    if (item?.dataset.sequence !== String(caption.sequence)) {
      item = document.createElement("li");
      item.dataset.sequence = String(caption.sequence);
      list.insertBefore(item, list.children[position] ?? null);
    }
    if (item.lang === caption.language && item.firstChild?.textContent === caption.text) return;
    item.lang = caption.language;
    const text = document.createElement("p");
    text.dir = "auto";
    text.textContent = caption.text;
    item.replaceChildren(text);
    if (wanted && caption.language !== wanted) item.append(notTranslated());
  });
  list.lastElementChild?.scrollIntoView({ block: "end" });
}

function notTranslated() {
  const mark = document.createElement("small");
  mark.lang = "en";
  mark.textContent = "Not translated";
  return mark;
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
