import { execa } from 'execa';
import type { Page } from 'playwright-core';
import type { Browser } from './browser.ts';

/** Flags for a browser whose pages may have a microphone without asking. */
export const MICROPHONE_FLAGS = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'];

interface Mouth {
  say(wav: string): Promise<void>;
  echo(gain: number, delayMs: number): void;
}

/** Lets tests speak into the microphone of the pages that `browser` opens from now on; until then it is silent. */
export async function giveVoice(browser: Browser): Promise<void> {
  await browser.context.addInitScript(() => {
    const context = new AudioContext({ sampleRate: 48_000 });
    const mouth = context.createMediaStreamDestination();
    navigator.mediaDevices.getUserMedia = () => Promise.resolve(mouth.stream.clone());
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
    const echo = (gain: number, delayMs: number): void => {
      const stream = document.querySelector('video')?.srcObject as MediaStream;
      const room = new DelayNode(context, { delayTime: delayMs / 1_000, maxDelayTime: 1 });
      context.createMediaStreamSource(stream).connect(room).connect(new GainNode(context, { gain })).connect(mouth);
    };
    (window as unknown as { mouth: Mouth }).mouth = { say, echo };
  });
}

/** Says it into the page's microphone; resolves when it is said. */
export async function utter(page: Page, wav: Buffer): Promise<void> {
  await page.evaluate((sound) => (window as unknown as { mouth: Mouth }).mouth.say(sound), wav.toString('base64'));
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

/** A burst of noise. */
export const cough = (): Promise<Buffer> => wav('anoisesrc=d=0.3:c=pink:a=0.5,afade=t=in:d=0.02,afade=t=out:st=0.15:d=0.15');

async function wav(source: string): Promise<Buffer> {
  const args = ['-v', 'error', '-f', 'lavfi', '-i', source, '-ar', '48000', '-ac', '1', '-f', 'wav', '-'];
  const { stdout } = await execa('ffmpeg', args, { encoding: 'buffer' });
  return Buffer.from(stdout);
}
