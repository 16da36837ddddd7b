import { EventEmitter } from 'node:events';
import { sleep, systemClock, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { FPS, TICKS_PER_FRAME, type AvFrame, type Clause } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import type { StageStatus } from '#protocol/http.ts';
import type { Caption } from '#protocol/signalling.ts';
import type { Prompt } from '#server/llm/llm.ts';
import type { BroadcastEvents } from '#server/media/broadcast.ts';
import type { RenditionEvents } from '#server/media/hls/rendition.ts';
import { START_LEAD, Sync } from '#server/media/sync.ts';
import type { Speech, SpeechReport, StageEvents } from '#server/media/types.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import type { MicrophoneLineEvents } from '#server/media/microphone-line.ts';
import type {
  HlsPort,
  MicrophonePort,
  SessionParts,
  StagePort,
  Talk,
  Utterance,
  ViewerPort,
  ViewersPort,
  WhepPort,
} from './ports.ts';

interface OnAir {
  readonly utteranceId: string;
  readonly stop: AbortController;
  draining: boolean;
  ducked: PromiseWithResolvers<void> | undefined;
}
type Heard = { clause: Clause; complete: boolean; heard: number };

/** A stage without media: it takes frames as the real one does, one every `msPerFrame`, and reports what it was given. */
export class SilentStage extends EventEmitter<StageEvents> implements StagePort {
  readonly sync: Sync;
  readonly #clock: Clock;
  readonly #msPerFrame: number;
  #onAir: OnAir | undefined;
  #frame = 0;

  constructor(clock: Clock = systemClock, msPerFrame = 1) {
    super();
    this.#clock = clock;
    this.#msPerFrame = msPerFrame;
    this.sync = new Sync({ clock, metrics: createMetrics(), leadMs: () => START_LEAD, lead: () => undefined });
  }

  async play(speech: Speech): Promise<SpeechReport> {
    if (this.#onAir) throw new Error('an utterance is already on air');
    const onAir: OnAir = { utteranceId: speech.utteranceId, stop: new AbortController(), draining: false, ducked: undefined };
    this.#onAir = onAir;
    const spoken: Heard[] = [];
    let startedAt: number | undefined;
    let error: unknown;
    const frames = speech.frames[Symbol.asyncIterator]();
    const stopped = new Promise<undefined>((resolve) => onAir.stop.signal.addEventListener('abort', () => resolve(undefined)));
    try {
      for (;;) {
        if (onAir.draining && spoken.every(({ complete }) => complete)) break;
        const next = await Promise.race([frames.next(), stopped]);
        if (!next || next.done || onAir.stop.signal.aborted) break;
        if (startedAt === undefined) this.emit('air', { state: 'speaking', utteranceId: speech.utteranceId });
        startedAt ??= this.#clock.now();
        this.#take(speech, next.value, spoken);
        await sleep(this.#clock, this.#msPerFrame, onAir.stop.signal);
        await Promise.race([onAir.ducked?.promise, stopped]);
      }
    } catch (thrown) {
      error = thrown;
    }
    void frames.return?.().catch(() => undefined);
    this.#onAir = undefined;
    this.emit('air', { state: 'idle', utteranceId: speech.utteranceId });
    const report = { spoken, startedAt };
    if (error !== undefined) return { ...report, outcome: 'failed', error };
    return { ...report, outcome: onAir.stop.signal.aborted || onAir.draining ? 'interrupted' : 'done' };
  }

  cut(): void {
    this.#onAir?.stop.abort();
  }

  duck(): void {
    if (!this.#onAir || this.#onAir.ducked) return;
    this.#onAir.ducked = Promise.withResolvers();
    this.emit('air', { state: 'ducked', utteranceId: this.#onAir.utteranceId });
  }

  unduck(): void {
    const { ducked, utteranceId } = this.#onAir ?? {};
    if (!this.#onAir || !ducked || utteranceId === undefined) return;
    this.#onAir.ducked = undefined;
    this.emit('air', { state: 'speaking', utteranceId });
    ducked.resolve();
  }

  drain(): void {
    if (this.#onAir) this.#onAir.draining = true;
  }

  status(): StageStatus {
    const state = this.#onAir ? 'speaking' : 'idle';
    return { fps: FPS, size: { width: 512, height: 512 }, epochMs: 1_700_000_000_000, frame: this.#frame, state };
  }

  #take({ utteranceId, outlook }: Speech, frame: AvFrame, spoken: Heard[]): void {
    this.#frame += 1;
    if (frame.startOfClause) {
      spoken.push({ clause: frame.clause, complete: false, heard: 0 });
      this.emit('clause', { utteranceId, clause: frame.clause, outlook, startFrame: this.#frame, endFrame: this.#frame + 3 });
    }
    const last = spoken.at(-1);
    if (last) last.heard += TICKS_PER_FRAME;
    if (!last || !frame.endOfClause) return;
    last.complete = true;
    this.emit('clauseOver', { utteranceId, clause: frame.clause });
  }
}

/** Speaks every word as a clause of three frames. Its model repeats the prompt; `FAIL` makes the provider fail at that word. */
export class EchoTalk implements Talk {
  readonly prompts: Prompt[] = [];
  readonly utterances: Utterance[] = [];
  filler: Talk['filler'] = () => undefined;
  readonly memory = 1_000;
  /** Said for itself when the provider fails, one after the other until one is heard. */
  sorry: readonly string[] = [];

  speak(prompt: Prompt, utterance: Utterance): Speech {
    this.prompts.push(prompt);
    this.utterances.push(utterance);
    utterance.mark('firstToken');
    return this.say(`echo ${prompt.messages.at(-1)?.content ?? ''}`, utterance);
  }

  say(text: string, { id, signal, mark }: Utterance, from = 0): Speech {
    const outlook = new Outlook(0);
    return { utteranceId: id, outlook, frames: frames(text.split(/\s+/), signal, mark, from) };
  }

  *apologies(_error: AvatarError, utterance: Utterance, from: number): Iterable<Speech> {
    for (const text of this.sorry) yield this.say(text, utterance, from);
  }
}

async function* frames(
  words: readonly string[],
  signal: AbortSignal,
  mark: Utterance['mark'],
  from: number,
): AsyncGenerator<AvFrame> {
  let frame = 0;
  for (const [index, text] of words.entries()) {
    if (text === 'FAIL') throw new AvatarError('provider_failed', 'The voice provider failed.');
    for (let part = 0; part < 3; part += 1) {
      if (signal.aborted) return;
      mark('firstFrame');
      const clause = { index: from + index, text };
      const sound = new Int16Array(TICKS_PER_FRAME);
      yield { frame, sound, clause, startOfClause: part === 0, endOfClause: part === 2, picture: undefined };
      frame += 1;
    }
  }
}

/** A viewer that is asked everything and receives nothing. */
class DeafViewer implements ViewerPort {
  readonly transportOptions = { id: 'transport-1', iceParameters: {}, iceCandidates: [], dtlsParameters: {}, iceServers: [] };
  readonly #left: () => void;

  constructor(left: () => void) {
    this.#left = left;
  }

  async connect(transportId: string): Promise<void> {
    this.#own(transportId);
  }

  async consume(transportId: string): Promise<[]> {
    this.#own(transportId);
    return [];
  }

  async resume(ids: readonly string[] = []): Promise<void> {
    if (ids.length > 0) throw new AvatarError('not_found', `This viewer has no consumer ${ids[0] ?? ''}.`);
  }

  async restartIce(transportId: string) {
    this.#own(transportId);
    return { usernameFragment: 'u', password: 'p' };
  }

  async close(): Promise<void> {
    this.#left();
  }

  #own(transportId: string): void {
    if (transportId !== 'transport-1') throw new AvatarError('not_found', `This viewer has no transport ${transportId}.`);
  }
}

/** A microphone that says nothing. */
export class MuteMicrophone extends EventEmitter<MicrophoneLineEvents> implements MicrophonePort {
  readonly transportOptions = { id: 'microphone-1', iceParameters: {}, iceCandidates: [], dtlsParameters: {}, iceServers: [] };
  readonly host: string;
  closed: string | undefined;

  constructor(host: string) {
    super();
    this.host = host;
  }

  async connect(): Promise<void> {
    await Promise.resolve();
  }

  async produce(transportId: string): Promise<{ producerId: string }> {
    if (transportId !== this.transportOptions.id)
      throw new AvatarError('not_found', `This client has no transport ${transportId}.`);
    return { producerId: 'producer-1' };
  }

  async restartIce() {
    return { usernameFragment: 'm', password: 'p' };
  }

  async close(reason: string): Promise<void> {
    if (this.closed !== undefined) return;
    this.closed = reason;
    this.emit('close', reason);
  }
}

/** Lets everybody in, and counts them. */
class DeafViewers
  extends EventEmitter<BroadcastEvents>
  implements Pick<ViewersPort, 'rtpCapabilities' | 'counts' | 'open' | 'openMicrophone'>
{
  readonly microphones: MuteMicrophone[] = [];
  readonly rtpCapabilities = { codecs: [] };
  readonly counts = { webrtc: 0, whep: 0 };

  async open(): Promise<ViewerPort> {
    this.counts.webrtc += 1;
    let inside = true;
    return new DeafViewer(() => {
      if (inside) this.counts.webrtc -= 1;
      inside = false;
    });
  }

  async openMicrophone(host: string): Promise<MicrophonePort> {
    const microphone = new MuteMicrophone(host);
    this.microphones.push(microphone);
    return microphone;
  }
}

/** WHEP and HLS that answer in the right shape, and know two files. */
const whep: WhepPort = {
  async offer(sdp) {
    if (!sdp.startsWith('v=0')) throw new AvatarError('invalid_sdp', 'The offer is not SDP.');
    return { id: 'whep-viewer-1', etag: '"ufrag"', answer: 'v=0\r\nanswer' };
  },
  async patch(id, _fragment, ifMatch) {
    if (id !== 'whep-viewer-1') throw new AvatarError('not_found', `There is no WHEP viewer ${id}.`);
    return { etag: '"ufrag"', fragment: ifMatch === '*' ? 'a=ice-ufrag:new' : undefined };
  },
  async delete(id) {
    if (id !== 'whep-viewer-1') throw new AvatarError('not_found', `There is no WHEP viewer ${id}.`);
  },
};

export class StillHls extends EventEmitter<RenditionEvents> implements HlsPort {
  viewers = 0;
  finished = false;
  readonly told: Caption[] = [];

  async playlist(token: string): Promise<string> {
    return `#EXTM3U\n#EXT-X-MAP:URI="init_0.mp4?token=${token}"\nsegment_0.m4s?token=${token}\n`;
  }

  async captions(token: string): Promise<string> {
    return `#EXTM3U\ncaptions_0.vtt?token=${token}\n`;
  }

  variants(token: string): string {
    return `#EXTM3U\nindex.m3u8?token=${token}\n`;
  }

  caption(caption: Caption): void {
    this.told.push(caption);
  }

  file(name: string) {
    if (name === 'init_0.mp4') return { data: new Uint8Array([1, 2]), type: 'video/mp4' as const };
    if (name === 'segment_0.m4s') return { data: new Uint8Array([3]), type: 'video/iso.segment' as const };
    return undefined;
  }

  async finish(): Promise<void> {
    this.finished = true;
  }
}

export interface SilentParts extends SessionParts {
  readonly stage: SilentStage;
  readonly talk: EchoTalk;
  readonly hls: StillHls;
  /** Reasons it was closed with. */
  readonly closed: string[];
  readonly counts: { webrtc: number; whep: number };
  /** Those that were opened so far. */
  readonly microphones: readonly MuteMicrophone[];
}

export function silentParts(clock: Clock = systemClock, msPerFrame = 1): SilentParts {
  const viewers = new DeafViewers();
  const closed: string[] = [];
  return {
    avatar: { id: 'default', name: 'Default' },
    stage: new SilentStage(clock, msPerFrame),
    talk: new EchoTalk(),
    viewers,
    whep,
    hls: new StillHls(),
    ear: { serve: () => undefined, rested: () => undefined },
    closed,
    counts: viewers.counts,
    microphones: viewers.microphones,
    async close(reason) {
      closed.push(reason);
    },
  };
}
