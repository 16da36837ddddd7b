import { execa } from 'execa';
import type { Page } from 'playwright-core';
import type { Browser } from './browser.ts';

/** Flags for a browser whose pages may have a microphone without asking. */
export const MICROPHONE_FLAGS = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'];

interface Mouth {
  say(wav: string): Promise<void>;
  silencedAfter(wav: string): Promise<number>;
  echo(gain: number, delayMs: number): void;
}

/** Lets tests speak into the microphone of the pages that `browser` opens from now on; until then it is silent. Cameras are the browser's. */
export async function giveVoice(browser: Browser): Promise<void> {
  await browser.context.addInitScript(() => {
    const context = new AudioContext({ sampleRate: 48_000 });
    const mouth = context.createMediaStreamDestination();
    const { mediaDevices } = navigator;
    const capture = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (wanted) => (wanted?.audio ? mouth.stream.clone() : capture(wanted));
    // A room is never quite silent; a source without any sound sends nothing at all, not even that it is silent.
    const hiss = new AudioBuffer({ length: 48_000, sampleRate: 48_000 });
    hiss.copyToChannel(
      Float32Array.from({ length: hiss.length }, () => (Math.random() - 0.5) * 2e-3),
      0,
    );
    const room = new AudioBufferSourceNode(context, { buffer: hiss, loop: true });
    room.connect(mouth);
    room.start();
    const say = async (wav: string): Promise<void> => {
      await context.resume();
      const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
      const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes.buffer) });
      source.connect(mouth);
      await new Promise<void>((resolve) => {
        source.addEventListener('ended', () => resolve());
        source.start();
      });
    };
    /** ms from the voice's onset in the microphone until the stage's sound falls below half of what it was. */
    const silencedAfter = async (wav: string): Promise<number> => {
      const stream = document.querySelector('video')?.srcObject as MediaStream;
      const ear = new AnalyserNode(context, { fftSize: 256 });
      const own = new AnalyserNode(context, { fftSize: 256 });
      context.createMediaStreamSource(stream).connect(ear);
      context.createMediaStreamSource(mouth.stream).connect(own);
      const loudness = (node: AnalyserNode): number => {
        const samples = new Float32Array(node.fftSize);
        node.getFloatTimeDomainData(samples);
        return Math.max(...samples.map(Math.abs));
      };
      const until = async (is: () => boolean, most: number): Promise<number> => {
        const end = performance.now() + most;
        while (!is() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 4));
        return performance.now() < end ? performance.now() : Number.POSITIVE_INFINITY;
      };
      const full = (await until(() => loudness(ear) > 0.05, 3_000)) && loudness(ear);
      const said = say(wav);
      const onset = await until(() => loudness(own) > 0.02, 3_000);
      const silent = await until(() => loudness(ear) < full / 2, 3_000);
      await said;
      ear.disconnect();
      own.disconnect();
      return silent - onset;
    };
    const echo = (gain: number, delayMs: number): void => {
      const stream = document.querySelector('video')?.srcObject as MediaStream;
      const room = new DelayNode(context, { delayTime: delayMs / 1_000, maxDelayTime: 1 });
      context.createMediaStreamSource(stream).connect(room).connect(new GainNode(context, { gain })).connect(mouth);
    };
    (window as unknown as { mouth: Mouth }).mouth = { say, silencedAfter, echo };
  });
}

/** Says it into the page's microphone; resolves when it is said. */
export async function utter(page: Page, wav: Buffer): Promise<void> {
  await page.evaluate((sound) => (window as unknown as { mouth: Mouth }).mouth.say(sound), wav.toString('base64'));
}

/** Says it over the avatar's voice → ms from its onset until the avatar is at half its loudness; infinite where it isn't within 3 s. */
export function silencedAfter(page: Page, wav: Buffer): Promise<number> {
  return page.evaluate((sound) => (window as unknown as { mouth: Mouth }).mouth.silencedAfter(sound), wav.toString('base64'));
}

/** Turns the page's microphone on, once the stage is seen. */
export async function turnOn(page: Page): Promise<void> {
  await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.2, undefined, { timeout: 30_000 });
  await page.getByTestId('microphone').click();
  await page.locator('.microphone[data-status="on"]').waitFor({ timeout: 20_000 });
}

/** From now on the page's microphone hears the avatar, as from a loudspeaker beside it without an echo canceller. */
export async function hearItself(page: Page, { gain, delayMs }: { gain: number; delayMs: number }): Promise<void> {
  await page.evaluate(([loud, late]) => (window as unknown as { mouth: Mouth }).mouth.echo(loud, late), [gain, delayMs] as [
    number,
    number,
  ]);
}

/** A person's voice, which is none of the avatar's. */
export const spoken = (text: string): Promise<Buffer> => wav(`flite=text='${text}':voice=rms`);

/** The same without the silence around it, for pauses that are as long as they say. */
export const clipped = (text: string): Promise<Buffer> => {
  const trim = 'silenceremove=start_periods=1:start_threshold=-45dB,areverse';
  return wav(`flite=text='${text}':voice=rms,${trim},${trim}`);
};

/** A burst of noise. */
export const cough = (): Promise<Buffer> => wav('anoisesrc=d=0.3:c=pink:a=0.5,afade=t=in:d=0.02,afade=t=out:st=0.15:d=0.15');

async function wav(source: string): Promise<Buffer> {
  const args = ['-v', 'error', '-f', 'lavfi', '-i', source, '-ar', '48000', '-ac', '1', '-f', 'wav', '-'];
  const { stdout } = await execa('ffmpeg', args, { encoding: 'buffer' });
  return Buffer.from(stdout);
}
