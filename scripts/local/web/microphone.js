// The microphone as chunks of PCM s16le, 16 kHz, mono: a quarter of a second each.

export class Microphone {
  on = false;
  /** @type {AudioContext | undefined} */
  #context;
  /** @type {MediaStream | undefined} */
  #stream;
  #handlers;

  /** @param {{onChunk: (bytes: Uint8Array) => void, onLevel: (level: number) => void, onChange: (on: boolean) => void}} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  async start() {
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true } });
    // The browser converts the microphone's rate to the context's.
    this.#context = new AudioContext({ sampleRate: 16_000 });
    await this.#context.audioWorklet.addModule("/pages/microphone-worklet.js");
    const node = new AudioWorkletNode(this.#context, "chunks", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      this.#handlers.onChunk(new Uint8Array(data.samples));
      this.#handlers.onLevel(data.level);
    };
    this.#context.createMediaStreamSource(this.#stream).connect(node);
    this.#change(true);
  }

  async stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    await this.#context?.close();
    this.#stream = this.#context = undefined;
    this.#handlers.onLevel(0);
    this.#change(false);
  }

  /** @param {boolean} on */
  #change(on) {
    this.on = on;
    this.#handlers.onChange(on);
  }
}
