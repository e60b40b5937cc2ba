// The listener's page: choose a session and a language, and follow it.
import { client, element, fillLanguages, LANGUAGES, ownLanguage, settings, showCaptions, stateText } from "./common.js";

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
const query = new URLSearchParams(location.search);
const sessions = settings().then((addresses) => client(addresses));

/** @type {Connection | undefined} */
let connection;
let premium = false;
let paused = false;
let speakerAway = "";

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
    showCaptions(element("captions"), captions, SHOWN_CAPTIONS);
    if (!premium) voice.read(captions);
  });
  joined.on("translatedAudio", ({ url }) => voice.play(url));
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

/** Plays the service's voice in a premium session, and reads captions with the browser's voice in others. */
const voice = {
  on: false,
  read_to: 0,
  /** @type {string[]} */
  queue: [],
  player: new Audio(),

  /** @param {CaptionView[]} captions */
  read(captions) {
    const last = captions.at(-1)?.sequence ?? 0;
    const news = captions.filter(({ sequence }) => sequence > this.read_to);
    const first = this.read_to === 0;
    this.read_to = Math.max(this.read_to, last);
    if (!this.on || first || !("speechSynthesis" in window)) return;
    for (const caption of news) {
      const utterance = new SpeechSynthesisUtterance(caption.text);
      utterance.lang = caption.language;
      speechSynthesis.speak(utterance);
    }
  },

  /** @param {string} url */
  play(url) {
    if (!this.on) return;
    this.queue.push(url);
    if (this.player.paused) this.next();
  },

  next() {
    const url = this.queue.shift();
    if (!url) return;
    this.player.src = url;
    this.player.play().catch(() => this.next());
  },

  stop() {
    this.queue = [];
    this.player.pause();
    if ("speechSynthesis" in window) speechSynthesis.cancel();
  },
};

voice.player.addEventListener("ended", () => voice.next());
voice.player.addEventListener("error", () => voice.next());
voiceButton.addEventListener("click", () => {
  voice.on = !voice.on;
  voiceButton.setAttribute("aria-pressed", String(voice.on));
  if (!voice.on) voice.stop();
});
