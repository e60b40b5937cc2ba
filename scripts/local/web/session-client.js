// A client of the session service: HTTP with retries, and a WebSocket that reconnects and misses nothing.
// One ES module without dependencies, free to copy. docs/api.md explains the rules that it follows.

/** @import {Audience, CaptionView, SessionEnded, SessionJoined, SessionUpdated, SpeakerPresence, TranslatedAudio} from "./messages.js" */

/**
 * @typedef {{sessionId: string, speakerId?: string, sourceLanguage: string, qualityTier: string, status: string,
 *   listenerCount: number, maxListeners: number, createdAt: number, updatedAt: number, expiresAt: number,
 *   endedAt?: number, endReason?: string}} Session  Times are epoch ms, but `expiresAt` is epoch s.
 * @typedef {"ended" | "not found" | "full" | "signed out" | "unreachable" | "left"} Reason
 * @typedef {{state: "connecting" | "open" | "waiting" | "closed", reason?: Reason}} State
 *   `waiting` tries again by itself, `closed` does not.
 *
 * @typedef {{state: State, session: SessionJoined | SessionUpdated, captions: CaptionView[], audience: Audience,
 *   translatedAudio: TranslatedAudio, speakerPresence: SpeakerPresence, sessionEnded: SessionEnded}} Events
 *   `session` is the current state, never an older one; `captions` are all that are known, oldest first.
 */

const [TRIES, KEPT_CAPTIONS, AUDIO_BUFFER_BYTES] = [5, 500, 128 * 1024];
const [REQUEST_MS, ANSWER_MS, HEARTBEAT_MS] = [12_000, 15_000, 4 * 60_000];
const [SHORTEST_WAIT_MS, LONGEST_WAIT_MS] = [500, 30_000];

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A refused request or message: `status` of HTTP (0 for a message or no response), `code` and `details` of the service. */
export class Refused extends Error {
  /** @param {number} status @param {{code?: string, message?: string, details?: {field: string, message: string}[]}} body */
  constructor(status, { code = "", message = "The service cannot be reached", details = [] }) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

export class SessionClient {
  /** `token` returns a valid token of the speaker, and is called before each use.
   * @param {{apiUrl: string, websocketUrl: string, token?: () => Promise<string>}} options */
  constructor({ apiUrl, websocketUrl, token }) {
    this.apiUrl = apiUrl;
    this.websocketUrl = websocketUrl;
    this.token = token;
  }

  /** Create a session. Use one key for one intent: a repeated call with it returns the same session.
   * @param {{sourceLanguage: string, qualityTier?: string}} fields @param {string} idempotencyKey
   * @returns {Promise<Session>} */
  createSession = (fields, idempotencyKey) =>
    this.#request("POST", "/sessions", { body: fields, headers: { "Idempotency-Key": idempotencyKey } });

  /** @param {string} id @returns {Promise<Session>} */
  getSession = (id) => this.#request("GET", path(id), { signedIn: false });

  /** @param {{status?: string, limit?: number, cursor?: string}} [query] @returns {Promise<{sessions: Session[], nextCursor?: string}>} */
  listSessions = (query = {}) => this.#request("GET", `/sessions?${parameters(query)}`);

  /** @param {string} id @param {{status?: string, sourceLanguage?: string, qualityTier?: string}} fields @returns {Promise<Session>} */
  updateSession = (id, fields) => this.#request("PATCH", path(id), { body: fields });

  /** @param {string} id @returns {Promise<void>} */
  endSession = (id) => this.#request("DELETE", path(id));

  /** One page of what was said. @param {string} id @param {{language?: string, after?: number, limit?: number}} query
   * @returns {Promise<{captions: CaptionView[], nextAfter?: number}>} */
  captions = (id, query) => this.#request("GET", `${path(id)}/captions?${parameters(query)}`, { signedIn: false });

  /** Connect as a listener of `language`, or without one as the speaker. @param {string} sessionId @param {{language?: string}} [options] */
  connect = (sessionId, { language } = {}) => new Connection(this, sessionId, language);

  /** Send a request, again after 429, 503 and network failures: every request above may be repeated.
   * @param {string} method @param {string} path
   * @param {{body?: object, headers?: Record<string, string>, signedIn?: boolean}} [options] */
  async #request(method, path, { body, headers = {}, signedIn = true } = {}) {
    for (let attempt = 1; ; attempt++) {
      const all = { ...headers };
      if (signedIn && this.token) all["Authorization"] = `Bearer ${await this.token()}`;
      if (body) all["Content-Type"] = "application/json";
      let response;
      try {
        const sent = { method, headers: all, body: body && JSON.stringify(body), signal: AbortSignal.timeout(REQUEST_MS) };
        response = await fetch(this.apiUrl + path, { ...sent, cache: "no-store" }); // a 304 says nothing about listenerCount
        const text = await response.text();
        if (response.ok) return text ? JSON.parse(text) : undefined;
        const refused = new Refused(response.status, parsed(text));
        if (![429, 503].includes(response.status) || attempt === TRIES) throw refused;
      } catch (error) {
        if (error instanceof Refused) throw error;
        if (attempt === TRIES) throw new Refused(0, {});
      }
      const seconds = Number(response?.headers.get("Retry-After")) || 2 ** (attempt - 1);
      if (seconds > 60) throw new Refused(429, { code: "RATE_LIMITED", message: "Too many requests. Try again later" });
      await sleep(seconds * 1000 * (1 + Math.random() / 2));
    }
  }
}

/** One listener or speaker of a session. It reconnects by itself until the session is over or `close` is called. */
export class Connection {
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();
  /** @type {Map<number, CaptionView>} */
  #captions = new Map();
  /** @type {{text: string, spokenAt: number, sequence: number, resolve: (sequence: number) => void, reject: (error: Error) => void}[]} */
  #outbox = [];
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {Record<string, ReturnType<typeof setTimeout>>} */
  #timers = {};
  #client;
  #sessionId;
  #language;
  #closed = false;
  #joined = false;
  #waiting = false;
  #failures = 0;
  #version = 0;
  #presenceAt = 0;
  #lastSequence = 0;
  #audioAt = 0;

  /** @param {SessionClient} client @param {string} sessionId @param {string | undefined} language */
  constructor(client, sessionId, language) {
    this.#client = client;
    this.#sessionId = sessionId;
    this.#language = language;
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    queueMicrotask(() => this.#open());
  }

  /** Call `listener` for each event of a type; returns a function that stops it.
   * @template {keyof Events} T @param {T} type @param {(detail: Events[T]) => void} listener */
  on(type, listener) {
    const all = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, all.add(listener));
    return () => all.delete(listener);
  }

  /** Publish a caption after those before it. Resolves to its sequence, or rejects with Refused. @param {string} text @returns {Promise<number>} */
  publishCaption(text) {
    return new Promise((resolve, reject) => {
      const length = this.#outbox.push({ text, spokenAt: Date.now(), sequence: 0, resolve, reject });
      if (length === 1) this.#publish();
    });
  }

  /** Send 100 to 24,000 bytes of PCM s16le, 16 kHz, mono; false if it was dropped because it would be late. @param {Uint8Array} bytes */
  sendAudio(bytes) {
    if (!this.#joined || (this.#socket?.bufferedAmount ?? 0) > AUDIO_BUFFER_BYTES) return false;
    const audioData = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    this.#audioAt = Math.max(Date.now(), this.#audioAt + 1); // no two are equal: consumers order by it
    return this.#send({ action: "audioChunk", audioData, timestamp: this.#audioAt });
  }

  /** Receive what follows, and the last captions, in another language. @param {string} language */
  changeLanguage(language) {
    this.#language = language;
    this.#captions.clear();
    this.#emit("captions", []);
    this.#askForLanguage();
  }

  #askForLanguage() {
    if (!this.#joined) return;
    this.#send({ action: "changeLanguage", targetLanguage: this.#language });
    this.#timer("language", ANSWER_MS, () => this.#askForLanguage());
  }

  /** Leave the session. */
  close = () => this.#finish("left");

  async #open() {
    if (this.#closed) return;
    this.#waiting = false;
    this.#emit("state", { state: "connecting" });
    const query = parameters({ sessionId: this.#sessionId, targetLanguage: this.#language });
    const protocols = ["sessions.v1"];
    try {
      if (!this.#language) protocols.push(`bearer.${await this.#client.token?.()}`);
    } catch {
      return this.#retry("signed out");
    }
    if (this.#closed) return;
    const socket = (this.#socket = new WebSocket(`${this.#client.websocketUrl}?${query}`, protocols));
    socket.onmessage = ({ data }) => this.#receive(parsed(data));
    socket.onclose = () => socket === this.#socket && this.#lost();
    // The service sends sessionJoined by itself. If that is lost, ask.
    socket.onopen = () => this.#timer("joining", ANSWER_MS, () => this.#expect("joining", "joinSession"));
  }

  /** Send an action; without its answer, which stops the timer, the connection is dead. @param {string} timer @param {string} action */
  #expect(timer, action) {
    this.#send({ action });
    this.#timer(timer, ANSWER_MS, () => this.#lost());
  }

  async #lost() {
    this.#socket?.close();
    this.#socket = undefined;
    for (const name of Object.keys(this.#timers)) clearTimeout(this.#timers[name]);
    const joined = this.#joined;
    this.#joined = false;
    if (this.#closed) return;
    // A browser reports each refused handshake as 1006. The session tells the reason.
    const reason = joined ? "unreachable" : await this.#refusal();
    if (reason === "ended" || reason === "not found") this.#finish(reason);
    else this.#retry(reason);
  }

  /** @returns {Promise<Reason>} */
  async #refusal() {
    try {
      const session = await this.#client.getSession(this.#sessionId);
      if (session.status === "ended") return "ended";
      if (this.#language) return session.listenerCount >= session.maxListeners ? "full" : "unreachable";
      await this.#client.listSessions({ limit: 1 });
      return "unreachable";
    } catch (error) {
      if (!(error instanceof Refused)) return "unreachable";
      return error.status === 404 ? "not found" : error.status === 401 ? "signed out" : "unreachable";
    }
  }

  /** @param {Reason} reason */
  #retry(reason) {
    if (this.#closed) return;
    this.#waiting = true;
    this.#emit("state", { state: "waiting", reason });
    const longest = Math.min(LONGEST_WAIT_MS, 2000 * 2 ** this.#failures++);
    this.#timer("retry", SHORTEST_WAIT_MS + Math.random() * longest, () => this.#open());
  }

  /** @param {Reason} reason */
  #finish(reason) {
    if (this.#closed) return;
    this.#closed = true;
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    this.#lost();
    for (const { reject } of this.#outbox.splice(0)) reject(new Refused(0, { message: `Not published: ${reason}` }));
    this.#emit("state", { state: "closed", reason });
  }

  /** The network or the page is back: check the connection, or try to connect, at once. */
  #wake = () => {
    if (globalThis.document?.visibilityState === "hidden" || this.#closed) return;
    if (this.#joined) this.#expect("joining", "joinSession");
    else if (this.#waiting) this.#timer("retry", 0, () => this.#open());
  };

  /** @param {any} message */
  #receive(message) {
    switch (message.type) {
      case "sessionJoined": return this.#onJoined(message);
      case "sessionUpdated": return this.#onSession(message);
      case "caption": return this.#add([message]);
      case "captions": return this.#onHistory(message.captions);
      case "languageChanged": return message.targetLanguage === this.#language && clearTimeout(this.#timers["language"]);
      case "speakerPresence": return this.#onPresence(message);
      case "sessionEnded": return this.#emit("sessionEnded", message), this.#finish("ended");
      case "captionPublished": return this.#onPublished(message.sequence);
      case "heartbeatAck": return clearTimeout(this.#timers["answer"]);
      case "audience":
      case "translatedAudio": return this.#emit(message.type, message);
      default: return this.#onError(message);
    }
  }

  /** @param {SessionJoined} message */
  #onJoined(message) {
    clearTimeout(this.#timers["joining"]);
    const first = !this.#joined;
    this.#joined = true;
    this.#failures = 0;
    this.#lastSequence = Math.max(this.#lastSequence, message.lastSequence ?? 0);
    this.#onSession(message);
    if (!first) return;
    this.#emit("state", { state: "open" });
    this.#beat();
    this.#publish();
  }

  #beat() {
    this.#timer("heartbeat", HEARTBEAT_MS * (0.9 + Math.random() / 10), () => {
      this.#expect("answer", "heartbeat");
      this.#beat();
    });
  }

  /** @param {SpeakerPresence} message */
  #onPresence(message) {
    if (message.timestamp <= this.#presenceAt) return;
    this.#presenceAt = message.timestamp;
    this.#emit("speakerPresence", message);
  }

  /** @param {SessionJoined | SessionUpdated} message */
  #onSession(message) {
    if (message.version < this.#version) return;
    this.#version = message.version;
    this.#emit("session", message);
  }

  /** Add the last captions, and those between them and what is known. @param {CaptionView[]} captions */
  async #onHistory(captions) {
    const known = Math.max(0, ...this.#captions.keys());
    const language = this.#language;
    this.#add(captions);
    let after = known;
    while (known && captions.length && after + 1 < captions[0].sequence) {
      const page = await this.#client.captions(this.#sessionId, { language, after, limit: 100 }).catch(() => null);
      if (!page || language !== this.#language) return;
      this.#add(page.captions);
      if (page.nextAfter === undefined) return;
      after = page.nextAfter;
    }
  }

  /** @param {CaptionView[]} captions */
  #add(captions) {
    for (const caption of captions) {
      const known = this.#captions.get(caption.sequence);
      if (!known || (caption.translated && !known.translated)) this.#captions.set(caption.sequence, caption);
    }
    const sorted = [...this.#captions.values()].sort((a, b) => a.sequence - b.sequence).slice(-KEPT_CAPTIONS);
    this.#captions = new Map(sorted.map((caption) => [caption.sequence, caption]));
    this.#emit("captions", sorted);
  }

  /** Publish the first caption of the outbox, or repeat it: a repeated sequence and text changes nothing. */
  #publish() {
    const [first] = this.#outbox;
    if (!first || !this.#joined) return;
    first.sequence ||= this.#lastSequence + 1;
    const { sequence, text, spokenAt } = first;
    this.#send({ action: "publishCaption", sequence, text, spokenAt });
    this.#timer("publish", ANSWER_MS, () => this.#publish());
  }

  /** @param {number} sequence */
  #onPublished(sequence) {
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
    if (this.#outbox[0]?.sequence !== sequence) return;
    clearTimeout(this.#timers["publish"]);
    this.#outbox.shift()?.resolve(sequence);
    this.#publish();
  }

  /** An `error` of the service, or API Gateway's own, which has neither type nor code.
   * @param {{action?: string, code?: string, message?: string, sequence?: number, details?: {field: string, message: string}[]}} error */
  #onError(error) {
    const first = this.#outbox[0];
    if (!first?.sequence || (error.code && error.sequence !== first.sequence)) return;
    if (!error.code || ["RATE_LIMITED", "SERVICE_UNAVAILABLE"].includes(error.code)) {
      this.#timer("publish", 1000 + Math.random() * 2000, () => this.#publish());
    } else if (error.details?.some(({ field }) => field === "sequence")) {
      // Another device of the speaker has used it: take the next one.
      this.#lastSequence = Math.max(this.#lastSequence, first.sequence);
      first.sequence = 0;
      this.#publish();
    } else {
      clearTimeout(this.#timers["publish"]);
      this.#outbox.shift()?.reject(new Refused(0, error));
      this.#publish();
    }
  }

  /** @param {object} message */
  #send(message) {
    const open = this.#socket?.readyState === WebSocket.OPEN;
    if (open) this.#socket?.send(JSON.stringify(message));
    return open;
  }

  /** @param {string} name @param {number} ms @param {() => void} action */
  #timer(name, ms, action) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(action, ms);
  }

  /** @template {keyof Events} T @param {T} type @param {Events[T]} detail */
  #emit(type, detail) {
    for (const listener of this.#listeners.get(type) ?? []) listener(detail);
  }
}

/** @param {string} id */
const path = (id) => `/sessions/${encodeURIComponent(id)}`;

/** @param {Record<string, string | number | undefined>} values */
function parameters(values) {
  const present = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return new URLSearchParams(present.map(([name, value]) => [name, String(value)])).toString();
}

/** @param {string} text */
function parsed(text) {
  try { return JSON.parse(text); } catch { return {}; }
}
