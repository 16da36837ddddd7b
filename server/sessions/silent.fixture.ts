import { EventEmitter } from 'node:events';
import { systemClock, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { TICKS_PER_FRAME, type AvFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import type { Caption } from '#protocol/signalling.ts';
import type { Prompt } from '#server/llm/llm.ts';
import type { BroadcastEvents } from '#server/media/broadcast.ts';
import type { RenditionEvents } from '#server/media/hls/rendition.ts';
import type { Speech } from '#server/media/types.ts';
import type { MicrophoneLineEvents } from '#server/media/microphone-line.ts';
import type { HlsPort, MicrophonePort, SessionParts, Talk, Utterance, ViewerPort, ViewersPort, WhepPort } from './ports.ts';
import { SilentStage } from './silent-stage.fixture.ts';

/** Speaks every word as a clause of three frames. Its model repeats the prompt; `FAIL` makes the provider fail at that word. */
export class EchoTalk implements Talk {
  readonly prompts: Prompt[] = [];
  readonly utterances: Utterance[] = [];
  filler: Talk['filler'] = () => undefined;
  readonly memory = 1_000;
  readonly sees = true;
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
