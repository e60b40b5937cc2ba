// What an AudioWorklet has beside the language: https://developer.mozilla.org/docs/Web/API/AudioWorkletGlobalScope
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
