// Written by `make docs` from docs/asyncapi.json.

// The languages that both Amazon Translate and Amazon Polly support.
export type Language = "en" | "es" | "fr" | "de" | "it" | "pt" | "ru" | "ja" | "ko" | "zh" | "ar" | "hi" | "nl" | "pl" | "tr" | "sv" | "da" | "no" | "fi";

// What listeners get.
export type QualityTier = "standard" | "premium";

// What a connection is for.
export type Role = "speaker" | "listener";

// The state of a session.
export type Status = "active" | "paused" | "ended";

// To a connection that has been admitted, and the answer to `joinSession`: the session's current state. A
// listener has `targetLanguage`. The speaker has `lastSequence`, the sequence of the session's last caption,
// 0 before the first. Messages with a lower `version` than this one's are out of date.
export interface SessionJoined {
  type: "sessionJoined";
  sessionId: string;
  connectionId: string;
  role: Role;
  targetLanguage?: Language;
  lastSequence?: number;
  sourceLanguage: Language;
  qualityTier: QualityTier;
  status: Status;
  version: number;
  listenerCount: number;
  timestamp: number;
}

// The answer to `changeLanguage`: what is published from now on arrives in this language.
export interface LanguageChanged {
  type: "languageChanged";
  targetLanguage: Language;
  timestamp: number;
}

// The session has changed. A message with a lower `version` than an earlier one is out of date. `timestamp`
// is the time of the change, epoch ms.
export interface SessionUpdated {
  type: "sessionUpdated";
  sessionId: string;
  status: Status;
  sourceLanguage: Language;
  qualityTier: QualityTier;
  version: number;
  timestamp: number;
}

// Why a session is over: its speaker ended it, was absent for too long, or it has expired. Expiry changes no
// row, so `expired` is not stored.
export type EndReason = "ended" | "abandoned" | "expired";

// The last message; the service then closes the connection. `timestamp` is the end, epoch ms.
export interface SessionEnded {
  type: "sessionEnded";
  sessionId: string;
  reason: EndReason;
  timestamp: number;
}

// To listeners: the speaker has been absent for 10 s, or has returned after that. `timestamp` is when the
// absence or the new connection began, epoch ms: the message with the highest one is true. An absence has
// `endsAt`, epoch s, if the session ends then unless the speaker returns.
export interface SpeakerPresence {
  type: "speakerPresence";
  connected: boolean;
  endsAt?: number;
  timestamp: number;
}

// To the speaker: the number of listeners, in total and by target language, at `timestamp`, epoch ms.
export interface Audience {
  type: "audience";
  listenerCount: number;
  byLanguage: Record<string, number>;
  timestamp: number;
}

// To the speaker and to listeners: one caption. `timestamp` is when it was published, epoch ms.
export interface CaptionMessage {
  sequence: number;
  language: Language;
  text: string;
  sourceLanguage: Language;
  translated: boolean;
  spokenAt: number;
  type: "caption";
  sessionId: string;
  timestamp: number;
}

// A caption as clients see it in one language. `spokenAt` is epoch ms. `language` is that of `text`: the
// source language where there is no translation.
export interface CaptionView {
  sequence: number;
  language: Language;
  text: string;
  sourceLanguage: Language;
  translated: boolean;
  spokenAt: number;
}

// To a listener who has joined or has changed the language: the last captions, in ascending order.
export interface Captions {
  type: "captions";
  captions: CaptionView[];
  timestamp: number;
}

// To listeners of a premium session, after the caption: its translation into their language, spoken. `url`
// is an MP3 file that anybody may read for ten minutes from `timestamp` (epoch ms) on. `transcript` is what
// is spoken. A message may arrive twice.
export interface TranslatedAudio {
  type: "translatedAudio";
  sessionId: string;
  sequenceNumber: number;
  targetLanguage: Language;
  url: string;
  transcript: string;
  timestamp: number;
}

// The answer to `publishCaption`, also when a caption is repeated.
export interface CaptionPublished {
  type: "captionPublished";
  sequence: number;
  timestamp: number;
}

// The answer to `audioChunk`: the stream has the chunk with this `timestamp` and `sequence`. `timestamp` is
// that of the message, epoch ms; `sequence` is there if the message had one.
export interface AudioAccepted {
  type: "audioAccepted";
  timestamp: number;
  sequence?: number;
}

// The response to a heartbeat, sent by API Gateway itself. `timestamp` is the receipt, epoch ms.
export interface HeartbeatAck {
  type: "heartbeatAck";
  timestamp: number;
}

// One invalid field of a message.
export interface FieldDetail {
  field: string;
  message: string;
}

// The answer to a message that is not carried out; the connection stays open. `sequence` is that of the
// message, if it is a whole number. INVALID_MESSAGE has `details`, one for each invalid field. A code after
// which the same message may succeed has `retryAfter`, the seconds to wait.
export interface ErrorMessage {
  type: "error";
  code: "INVALID_MESSAGE" | "NOT_AUTHORIZED" | "SESSION_NOT_FOUND" | "SESSION_PAUSED" | "SESSION_ENDED" | "RATE_LIMITED" | "SERVICE_UNAVAILABLE" | "INTERNAL_ERROR";
  message: string;
  action: string;
  sequence?: number;
  retryAfter?: number;
  details?: FieldDetail[];
  timestamp: number;
}
