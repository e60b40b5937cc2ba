// The speaker's page: create a session, show its code, and publish what is said.
import { client, element, fillLanguages, nameOf, ownLanguage, settings, showCaptions, stateText } from "./common.js";
import { Microphone } from "./microphone.js";

/** @typedef {import("./session-client.js").Connection} Connection */
/** @typedef {import("./session-client.js").Session} Session */

const SHOWN_CAPTIONS = 50;
const TOKEN_MS = 50 * 60_000;

/** @type {HTMLSelectElement} */
const language = element("language");
/** @type {HTMLTextAreaElement} */
const text = element("text");
/** @type {HTMLButtonElement} */
const pause = element("pause");
const addresses = settings();
const sessions = addresses.then((found) => client(found, token));

/** @type {Connection | undefined} */
let connection;
let sessionId = new URLSearchParams(location.search).get("session") ?? "";
let paused = false;
/** One key for one intent: a second press of the button after a failure creates no second session. */
let idempotencyKey = crypto.randomUUID();

/** @type {{value: Promise<string>, until: number} | undefined} */
let signedIn;

/** Sign in as the demo speaker, when the last token is about to expire. @returns {Promise<string>} */
function token() {
  if (!signedIn || Date.now() > signedIn.until) {
    const value = fetch("/token", { method: "POST" }).then(async (response) => (await response.json()).token);
    value.catch(() => (signedIn = undefined));
    signedIn = { value, until: Date.now() + TOKEN_MS };
  }
  return signedIn.value;
}

/** Run an action of the user, and say why it failed. @param {() => Promise<unknown>} action */
async function attempt(action) {
  element("error").hidden = true;
  try {
    await action();
  } catch (error) {
    element("error").textContent = error instanceof Error ? error.message : String(error);
    element("error").hidden = false;
  }
}

fillLanguages(language, ownLanguage());
if (sessionId) attempt(resume);

element("create").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    /** @type {HTMLSelectElement} */
    const tier = element("tier");
    const fields = { sourceLanguage: language.value, qualityTier: tier.value };
    show(await (await sessions).createSession(fields, idempotencyKey));
    idempotencyKey = crypto.randomUUID();
  });
});

element("say").addEventListener("submit", (event) => {
  event.preventDefault();
  say(text.value);
  text.value = "";
  text.focus();
});

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    /** @type {HTMLFormElement} */ (element("say")).requestSubmit();
  }
});

pause.addEventListener("click", () =>
  attempt(async () => setStatus((await (await sessions).updateSession(sessionId, { status: paused ? "active" : "paused" })).status)),
);
element("end").addEventListener("click", () => attempt(async () => (await sessions).endSession(sessionId)));

async function resume() {
  const session = await (await sessions).getSession(sessionId);
  if (session.status === "ended") throw new Error("The session has ended.");
  show(session);
}

/** @param {Session} session */
async function show(session) {
  sessionId = session.sessionId;
  history.replaceState(null, "", `?session=${sessionId}`);
  const url = `${location.origin}/listen?session=${sessionId}`;
  const link = /** @type {HTMLAnchorElement} */ (element("link"));
  link.href = link.textContent = url;
  element("code").textContent = sessionId;
  /** @type {HTMLImageElement} */ (element("qr")).src = `/qr.svg?text=${encodeURIComponent(url)}`;
  language.value = session.sourceLanguage;
  setStatus(session.status);
  element("create").hidden = true;
  element("room").hidden = false;
  text.focus();
  const opened = (connection = (await sessions).connect(sessionId));
  opened.on("state", (state) => {
    element("status").textContent = stateText(state);
    if (state.state === "closed") closed();
  });
  opened.on("session", ({ status }) => setStatus(status));
  opened.on("audience", ({ listenerCount, byLanguage }) => {
    element("count").textContent = String(listenerCount);
    const items = Object.entries(byLanguage).map(([code, count]) => {
      const item = document.createElement("li");
      item.textContent = `${nameOf(code)}: ${count}`;
      return item;
    });
    element("audience").replaceChildren(...items);
  });
  opened.on("captions", (captions) => showCaptions(element("captions"), captions, SHOWN_CAPTIONS));
  const audio = (await addresses).audio;
  element("microphone").hidden = element("level-row").hidden = !audio;
}

/** @param {string} status */
function setStatus(status) {
  paused = status === "paused";
  pause.textContent = paused ? "Resume" : "Pause";
}

function closed() {
  element("create").hidden = false;
  element("room").hidden = true;
  recognition.stop();
  microphone.stop();
  history.replaceState(null, "", "/speak");
}

/** @param {string} words */
function say(words) {
  const said = words.trim();
  if (said) attempt(async () => connection?.publishCaption(said));
}

/** Captions by the browser's own speech recognition, where it has one. */
const Recognition = /** @type {any} */ (window).SpeechRecognition ?? /** @type {any} */ (window).webkitSpeechRecognition;
const recognition = {
  on: false,
  /** @type {any} */
  engine: undefined,

  start() {
    this.engine = new Recognition();
    this.engine.lang = language.value;
    this.engine.continuous = true;
    this.engine.onresult = (/** @type {any} */ event) => {
      for (let index = event.resultIndex; index < event.results.length; index++) {
        if (event.results[index].isFinal) say(event.results[index][0].transcript);
      }
    };
    // It ends by itself after a silence.
    this.engine.onend = () => this.on && this.engine.start();
    this.engine.onerror = (/** @type {any} */ event) => {
      if (event.error === "not-allowed") this.stop();
    };
    this.on = true;
    this.engine.start();
    element("recognize").setAttribute("aria-pressed", "true");
  },

  stop() {
    this.on = false;
    this.engine?.stop();
    element("recognize").setAttribute("aria-pressed", "false");
  },
};
element("recognize").hidden = !Recognition;
element("recognize").addEventListener("click", () => (recognition.on ? recognition.stop() : recognition.start()));

const microphone = new Microphone({
  // What is said during a pause is not sent.
  onChunk: (bytes) => paused || connection?.sendAudio(bytes),
  onLevel: (level) => (/** @type {HTMLMeterElement} */ (element("level")).value = level),
  onChange: (on) => element("microphone").setAttribute("aria-pressed", String(on)),
});
element("microphone").addEventListener("click", async () => {
  const button = /** @type {HTMLButtonElement} */ (element("microphone"));
  button.disabled = true; // until the browser has asked for permission
  await attempt(() => (microphone.on ? microphone.stop() : microphone.start()));
  button.disabled = false;
});
