// Runs in the audio thread: collects samples to chunks of 4,096 and measures their level.

const SAMPLES = 4096;

class Chunks extends AudioWorkletProcessor {
  #samples = new Int16Array(SAMPLES);
  #length = 0;
  #squares = 0;

  /** @param {Float32Array[][]} inputs */
  process([[channel]]) {
    for (const value of channel ?? []) {
      const limited = Math.max(-1, Math.min(1, value));
      this.#samples[this.#length++] = limited * 32767;
      this.#squares += limited * limited;
      if (this.#length === SAMPLES) this.#send();
    }
    return true;
  }

  #send() {
    const samples = this.#samples.buffer; // little-endian, as on every machine that has a browser
    this.port.postMessage({ samples, level: Math.min(1, Math.sqrt(this.#squares / SAMPLES) * 4) }, [samples]);
    this.#samples = new Int16Array(SAMPLES);
    this.#length = this.#squares = 0;
  }
}

registerProcessor("chunks", Chunks);
