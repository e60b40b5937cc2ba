// The voice of a listener's page: the service's recordings, or the browser's own voice. One at a time, in order.

/** @typedef {(done: () => void) => void} Utterance  Starts, and calls `done` when it is over, also when it fails. */

// Waiting ones: if a voice takes longer than the speaker, what was said a while ago is left out.
const MOST_WAITING = 3;

export class Voice {
  on = false;
  #player;
  /** @type {Utterance[]} */
  #waiting = [];
  /** @type {Utterance | undefined} */
  #current;

  /** @param {HTMLAudioElement} player */
  constructor(player) {
    this.#player = player;
  }

  /** Turn it on or off. @param {boolean} on */
  turn(on) {
    this.on = on;
    if (!on) this.stop();
  }

  /** Play a recording. @param {string} url */
  play(url) {
    this.#add((done) => {
      this.#player.onended = this.#player.onerror = done;
      this.#player.src = url;
      this.#player.play().catch(done);
    });
  }

  /** Read a text with the browser's voice, where it has one. @param {string} text @param {string} language */
  read(text, language) {
    if (!("speechSynthesis" in window)) return;
    this.#add((done) => {
      const utterance = new SpeechSynthesisUtterance(text);
      utterance.lang = language;
      utterance.onend = utterance.onerror = done;
      speechSynthesis.speak(utterance);
    });
  }

  /** Be silent, and forget what waits. */
  stop() {
    this.#waiting = [];
    this.#current = undefined;
    this.#player.pause();
    if ("speechSynthesis" in window) speechSynthesis.cancel();
  }

  /** @param {Utterance} utterance */
  #add(utterance) {
    if (!this.on) return;
    this.#waiting = [...this.#waiting, utterance].slice(-MOST_WAITING);
    if (!this.#current) this.#next();
  }

  #next() {
    const utterance = (this.#current = this.#waiting.shift());
    // A recording that cannot be loaded reports it twice.
    utterance?.(() => utterance === this.#current && this.#next());
  }
}
