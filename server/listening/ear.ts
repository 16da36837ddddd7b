import { sleep } from '#base/clock.ts';
import { asAvatarError, type AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { MicrophoneChunk } from '#base/media.ts';
import type { Spend } from '#base/usage.ts';
import type { PromptBody } from '#protocol/http.ts';
import type { Stt } from '#server/stt/stt.ts';
import type { Heard } from '#server/telemetry/timeline.ts';
import { patienceOf, type FloorAct, type Patience } from './act.ts';
import { Decimator } from './decimator.ts';
import { Detection, type DetectionOptions } from './detection.ts';
import { EchoGuard } from './echo.ts';
import { Floor } from './floor.ts';
import { Framer, FRAME_MS } from './framer.ts';
import { Recognitions } from './recognitions.ts';
import type { Vad } from './vad.ts';

/** A reply that is begun before the host's turn is known to be over. */
export interface Draft {
  confirm(text: string, heard: Heard): Promise<unknown>;
  discard(): void;
}

export interface HostCaption {
  readonly id: string;
  readonly text: string;
  readonly final: boolean;
  /** Clock ms of its first and last voice. */
  readonly startMs: number;
  readonly endMs: number;
}

/** What the ear has done with what it hears: a session. */
export interface Conversation {
  /** The host speaks, or has stopped to. */
  listening(on: boolean): void;
  /** @param since when the host began to speak, clock ms */
  duck(since: number): void;
  unduck(): void;
  /** Something was said to its end. */
  nod(): void;
  interrupt(since: number): void;
  draft(text: string): Draft;
  prompt(prompt: PromptBody, traceId: undefined, heard: Heard): Promise<unknown>;
  hostCaption(caption: HostCaption): void;
  /** What is said can't be understood for now. */
  deaf(error: AvatarError): void;
}

export interface EarOptions extends DetectionOptions {
  readonly vad: Vad;
  readonly stt: Stt;
  /** BCP 47. */
  readonly language: string;
  readonly patience: Patience;
  /** Told what the recogniser used. */
  readonly spend: Spend;
}

/** A microphone that is gone is taken for silent for so long, so that what was begun comes to its end, ms. */
const SILENCE_AFTER = 3_000;

/** One session's ear: listens to the host's microphone and tells the conversation what to do about it (docs/listening.md). */
export class Ear {
  readonly #options: EarOptions;
  readonly #life = new Lifetime();
  /** While a microphone is on: most sessions have none, and it is big. */
  #own: { readonly guard: EchoGuard; readonly decimator: Decimator } | undefined;
  readonly #floor: Floor;
  readonly #recognitions: Recognitions;
  #conversation: Conversation | undefined;
  #microphone = new AbortController();
  #draft: Draft | undefined;
  /** Clock ms at which the host's voice set in. */
  #onset = 0;
  #transcribedAt = 0;

  private constructor(options: EarOptions) {
    this.#options = options;
    this.#floor = new Floor({ language: options.language, ...patienceOf(options.patience) });
    this.#recognitions = new Recognitions(options, {
      heard: (text) => {
        this.#transcribedAt = text.at;
        if (text.text !== '')
          this.#conversation?.hostCaption({ ...text, id: String(text.phrase), startMs: text.from, endMs: text.at });
        this.#do(this.#floor.heard(text));
      },
      failed: (error) => this.#conversation?.deaf(error),
    });
  }

  static open(options: EarOptions): Ear {
    const ear = new Ear(options);
    ear.#life.defer(() => ear.#recognitions.close());
    ear.#life.defer(() => ear.#draft?.discard());
    ear.#life.defer(() => ear.#microphone.abort());
    return ear;
  }

  /** Whom it hears for. */
  serve(conversation: Conversation): void {
    this.#conversation = conversation;
  }

  /** Hears this microphone from now on, and no other. */
  listen(microphone: AsyncIterable<MicrophoneChunk>): void {
    this.#microphone.abort();
    const { signal } = (this.#microphone = new AbortController());
    this.#hear(microphone, signal).catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'the microphone can not be listened to any more');
      this.#conversation?.deaf(asAvatarError(error));
    });
  }

  /** 20 ms that the avatar says, at 48 kHz, due at `at`, clock ms. */
  own(samples: Int16Array, at: number): void {
    this.#own?.guard.sent(this.#own.decimator.take(samples), at);
  }

  /** The avatar's voice is on air, or has ended. */
  avatar(speaking: boolean): void {
    this.#do(this.#floor.avatar({ speaking, at: this.#options.clock.now() }));
  }

  /** A clause of it goes on air. */
  said(text: string): void {
    this.#floor.said(text);
  }

  /** Nothing more is going to be said. */
  rested(): void {
    this.#do(this.#floor.gaveUp());
  }

  /** Idempotent. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #hear(microphone: AsyncIterable<MicrophoneChunk>, signal: AbortSignal): Promise<void> {
    const { vad, stt, language } = this.#options;
    stt.prepare(language);
    const stream = vad.open();
    const detection = new Detection(stream, this.#options);
    const own = (this.#own = { guard: new EchoGuard(), decimator: new Decimator() });
    try {
      await Promise.all([this.#judge(microphone, own.guard, detection, signal), this.#follow(detection, signal)]);
    } finally {
      stream.close();
      if (this.#own === own) this.#own = undefined;
    }
  }

  async #judge(
    microphone: AsyncIterable<MicrophoneChunk>,
    guard: EchoGuard,
    detection: Detection,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    const framer = new Framer();
    try {
      for await (const chunk of microphone) {
        for (const { samples, at } of framer.take(chunk)) {
          const { near, rest } = guard.judge(samples, at);
          const isRead = await detection.push({ samples: rest, at, near });
          if (!isRead || signal.aborted) return;
        }
      }
      for (let ms = 0; ms < SILENCE_AFTER && !signal.aborted; ms += FRAME_MS) {
        await sleep(clock, FRAME_MS, signal);
        await detection.silence(clock.now());
      }
    } finally {
      detection.end();
    }
  }

  async #follow(detection: Detection, signal: AbortSignal): Promise<void> {
    for await (const { samples, ...frame } of detection) {
      if (signal.aborted) return;
      this.#recognitions.sound(samples, frame.at);
      this.#do(this.#floor.frame(frame));
    }
  }

  #do(acts: readonly FloorAct[]): void {
    for (const act of acts) {
      this.#options.log.debug(act, 'heard');
      this.#act(act);
    }
  }

  #act(act: FloorAct): void {
    const conversation = this.#conversation;
    if (!conversation || this.#life.state !== 'open') return;
    switch (act.act) {
      case 'phraseBegins':
        this.#onset = act.since;
        this.#recognitions.begin(act.phrase, act.from);
        break;
      case 'phraseEnds':
        this.#recognitions.end(act.phrase);
        break;
      case 'dismiss':
        this.#recognitions.forget(act.phrase);
        break;
      case 'listens':
        conversation.listening(true);
        break;
      case 'leaves':
        conversation.listening(false);
        break;
      case 'duck':
        conversation.duck(this.#onset);
        break;
      case 'unduck':
        conversation.unduck();
        break;
      case 'interrupt':
        conversation.interrupt(this.#onset);
        break;
      case 'draft':
        this.#draft = conversation.draft(act.text);
        break;
      case 'discard':
        this.#draft?.discard();
        this.#draft = undefined;
        break;
      case 'turn':
        this.#turn(conversation, act.text, act.lastVoicedAt);
        break;
      case 'nod':
        conversation.nod();
        break;
    }
  }

  #turn(conversation: Conversation, text: string, lastVoicedAt: number): void {
    const heard = { lastVoicedAt, endOfTurnAt: this.#options.clock.now(), transcribedAt: this.#transcribedAt };
    const draft = this.#draft;
    this.#draft = undefined;
    const asked = draft ? draft.confirm(text, heard) : conversation.prompt({ text, mode: 'chat' }, undefined, heard);
    conversation.listening(false);
    asked.catch((error: unknown) => conversation.deaf(asAvatarError(error)));
  }
}
