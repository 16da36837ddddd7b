import { execa } from 'execa';
import { io, type Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import type { CreatedSession } from '#protocol/http.ts';
import type { Caption, StateEvent, TurnEvent } from '#protocol/signalling.ts';
import { recognise } from '#test/recognise.ts';
import { keepNewest } from '#test/support/captions.ts';
import { recordHls } from '#test/support/hls-recording.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const TEXT = 'The quick brown fox jumps over the lazy dog. The weather in Paris is nice today.';
const WORDS = ['brown', 'fox', 'jumps', 'dog', 'weather', 'paris', 'today'];

type Told = StateEvent & { readonly at: number };

/** What the session says while `text` is spoken, with the times at which it said so (ms). */
async function listenTo(server: RunningServer, session: CreatedSession, text: string) {
  const socket: Socket = io(server.url, { auth: { token: session.token }, transports: ['websocket'] });
  const states: Told[] = [];
  const captions: Caption[] = [];
  socket.on('state', (state: StateEvent) => states.push({ ...state, at: performance.now() }));
  socket.on('caption', (caption: Caption) => keepNewest(captions, caption));
  const over = new Promise<TurnEvent>((resolve) => socket.on('turn', resolve));
  await new Promise<void>((resolve) => socket.on('connect', resolve));
  const asked = performance.now();
  await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text, mode: 'say' }, session.token);
  const turn = await over;
  socket.close();
  return { states, captions, turn, asked };
}

/** Seconds at which the test card's beep begins: a 1 kHz tone of an eighth of full scale or more, found to about 5 ms. */
async function beepsIn(recording: Buffer): Promise<number[]> {
  const decode = ['-v', 'error', '-i', 'pipe:0', '-f', 's16le', '-ar', '16000', '-ac', '1', '-'];
  const { stdout } = await execa('ffmpeg', decode, { input: recording, encoding: 'buffer' });
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.byteLength >> 1);
  const strengths: number[] = [];
  for (let at = 0; at + 640 <= samples.length; at += 80) {
    let [re, im] = [0, 0];
    for (let i = 0; i < 640; i += 1) {
      re += (samples[at + i] ?? 0) * Math.cos((2 * Math.PI * i) / 16);
      im += (samples[at + i] ?? 0) * Math.sin((2 * Math.PI * i) / 16);
    }
    strengths.push(Math.hypot(re, im) / 320 / 32_768);
  }
  return strengths.flatMap((strength, at) => {
    const around = strengths.slice(Math.max(0, at - 40), at + 40);
    return strength > 0.125 && strength === Math.max(...around) ? [at / 200] : [];
  });
}

// Beside each other: most of the time they wait.
describe.concurrent('a renderer slower than real time, through a real server', () => {
  async function hear(pace: string) {
    const server = await startServer({ RENDERER: 'pattern', PATTERN_RTF: pace });
    try {
      const session = await server.createSession({ hls: 'always' });
      const stopRecording = recordHls(session.urls.hls);
      const told = await listenTo(server, session, TEXT);
      const recording = await stopRecording();
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      const stalls = Number(/^playout_stalls_total (\d+)/m.exec(metrics)?.[1]);
      return { ...told, stalls, beeps: await beepsIn(recording), words: (await recognise(recording)).split(' ') };
    } finally {
      await server.stop();
    }
  }

  /** The voice is what a renderer without delay gives: each word, and beeps a second apart but where a clause starts. */
  function expectWholeVoice({ captions, beeps, words, turn, stalls }: Awaited<ReturnType<typeof hear>>): void {
    expect(turn).toMatchObject({ outcome: 'done', spoken: TEXT });
    expect(WORDS.filter((word) => words.includes(word)).length, `heard: ${words.join(' ')}`).toBeGreaterThanOrEqual(5);
    expect(stalls).toBe(0);
    const lengths = captions.map(({ start, end }) => end - start);
    const spoken = lengths.reduce((sum, length) => sum + length, 0);
    // The beep on the very first frame comes out of a codec that has just begun, too faint to count on.
    const expected = Math.ceil(spoken / 25) - 1;
    expect(beeps.length, `beeps at ${beeps.join(', ')} of ${lengths.join(' + ')} frames`).toBeGreaterThanOrEqual(expected);
    const starts = lengths.map((_, at) => lengths.slice(0, at).reduce((sum, length) => sum + length, 0));
    const counted = beeps.slice(-expected);
    for (const [at, beep] of counted.slice(1).entries()) {
      const gap = beep - (counted[at] ?? 0);
      const [from, to] = [(at + 1) * 25, (at + 2) * 25];
      if (!starts.some((start) => start > from && start <= to)) expect(Math.abs(gap - 1)).toBeLessThan(0.02);
      else expect(gap).toBeGreaterThan(0.98);
    }
  }

  it.each(['2', '5'])(
    '(%s s per second) speaks each clause in one piece, and tells how long the pauses before will be',
    async (pace) => {
      const heard = await hear(pace);
      expectWholeVoice(heard);
      const { states } = heard;
      expect(states.map(({ state }) => state)).not.toContain('degraded');
      const waits = states.filter(({ state }, at) => state === 'buffering' && states[at - 1]?.state !== 'buffering');
      expect(waits).toHaveLength(heard.captions.length);
      for (const { at, etaMs = Number.NaN } of waits) {
        const speaking = states.find((later) => later.state === 'speaking' && later.at > at)?.at ?? Number.NaN;
        expect(Math.abs(at + etaMs - speaking), `${String(etaMs)} ms were told`).toBeLessThan(0.2 * etaMs + 200);
      }
      expect(
        states
          .slice(1)
          .map(({ state }) => state)
          .join(' '),
      ).toMatch(/^(listening )?thinking( (buffering )+speaking)+( listening| idle)?$/);
    },
  );

  it('that becomes slower in the middle of a clause: the voice goes on, and it is told why the picture does not', async () => {
    const heard = await hear('0.7,9@2');
    expectWholeVoice(heard);
    const trouble = heard.states.filter(({ state }) => state === 'degraded');
    expect(trouble[0]?.reason).toMatch(/^pictures are drawn more slowly than measured: \d+\.\d instead of \d\.\d s per second$/);
  });
});
