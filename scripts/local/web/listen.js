// The listener's page: choose a session and a language, and follow it.
import { client, element, fillLanguages, LANGUAGES, ownLanguage, settings, showCaptions, stateText } from "./common.js";
import { Voice } from "./voice.js";

/** @typedef {import("./session-client.js").Connection} Connection */
/** @typedef {import("./messages.js").CaptionView} CaptionView */

const SHOWN_CAPTIONS = 20;

/** @type {HTMLFormElement} */
const form = element("join");
/** @type {HTMLInputElement} */
const code = element("session");
/** @type {HTMLSelectElement} */
const firstLanguage = element("language");
/** @type {HTMLSelectElement} */
const language = element("room-language");
const voiceButton = element("voice");
const voice = new Voice(element("player"));
const query = new URLSearchParams(location.search);
const sessions = settings().then((addresses) => client(addresses));

/** @type {Connection | undefined} */
let connection;
let premium = false;
let paused = false;
let speakerAway = "";
/** The last caption that was read, or was there on arrival; undefined before anything has arrived.
 * @type {number | undefined} */
let lastRead;

const asked = query.get("language") ?? "";
fillLanguages(firstLanguage, LANGUAGES.includes(asked) ? asked : ownLanguage());
fillLanguages(language, firstLanguage.value);
code.value = query.get("session") ?? "";
if (code.value) join();

form.addEventListener("submit", (event) => {
  event.preventDefault();
  join();
});

element("leave").addEventListener("click", () => {
  connection?.close();
  voice.stop();
  form.hidden = false;
  element("room").hidden = true;
  code.focus();
});

language.addEventListener("change", () => {
  connection?.changeLanguage(language.value);
  keepInAddress();
  voice.stop();
});

async function join() {
  connection?.close();
  const sessionId = code.value.trim().toLowerCase();
  language.value = firstLanguage.value;
  form.hidden = true;
  element("room").hidden = false;
  premium = paused = false;
  speakerAway = "";
  lastRead = undefined;
  voice.stop();
  element("captions").replaceChildren();
  notify();
  keepInAddress();
  const joined = (connection = (await sessions).connect(sessionId, { language: language.value }));
  joined.on("state", (state) => {
    element("status").textContent = stateText(state);
    if (state.state === "closed" && state.reason !== "left") form.hidden = false;
    if (state.reason === "not found") element("room").hidden = true;
  });
  joined.on("session", (session) => {
    premium = session.qualityTier === "premium";
    paused = session.status === "paused";
    notify();
  });
  joined.on("speakerPresence", ({ connected, endsAt }) => {
    const end = endsAt ? ` The session ends at ${new Date(endsAt * 1000).toLocaleTimeString()} if they do not return.` : "";
    speakerAway = connected ? "" : `The speaker is away.${end}`;
    notify();
  });
  joined.on("captions", (captions) => {
    showCaptions(element("captions"), captions, SHOWN_CAPTIONS, language.value);
    read(captions);
  });
  joined.on("translatedAudio", ({ url, targetLanguage }) => {
    if (targetLanguage === language.value) voice.play(url);
  });
}

function notify() {
  const text = [paused && "The session is paused.", speakerAway].filter(Boolean).join(" ");
  element("notice").textContent = text;
  element("notice").hidden = !text;
}

/** A reload, and a link that is passed on, come back to the same session. */
function keepInAddress() {
  const values = new URLSearchParams({ session: code.value.trim().toLowerCase(), language: language.value });
  history.replaceState(null, "", `?${values}`);
}

/** The service speaks the translations of a premium session; the browser reads everything else.
 * @param {CaptionView[]} captions */
function read(captions) {
  const last = lastRead;
  lastRead = Math.max(last ?? 0, ...captions.map(({ sequence }) => sequence));
  if (last === undefined) return;
  for (const { sequence, text, language, translated } of captions) {
    if (sequence > last && !(premium && translated)) voice.read(text, language);
  }
}

voiceButton.addEventListener("click", () => {
  voice.turn(!voice.on);
  voiceButton.setAttribute("aria-pressed", String(voice.on));
});
