import OpusScript from 'opusscript';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { AUDIO_PAYLOAD_TYPE } from '#server/media/codecs.ts';
import { createStageProducers, type StageProducers } from '#server/media/producers.ts';
import { OpusPacketizer } from '#server/media/rtp.ts';
import { Sfu } from '#server/media/sfu.ts';
import type { StageRouter } from '#server/media/stage-router.ts';
import { silentLog } from '#base/log.ts';

/** A real worker on any port, with a stage's router and producers; gone when the test is. */
export async function startSfu(): Promise<{ sfu: Sfu; router: StageRouter; producers: StageProducers }> {
  const sfu = await Sfu.create({ workers: 1, listenIp: '127.0.0.1', rtcPort: 0, log: silentLog });
  onTestFinished(() => sfu.close('test finished'));
  const router = await sfu.createRouter();
  const producers = await createStageProducers(router, { log: silentLog });
  return { sfu, router, producers };
}

/** Sends a loud 440 Hz tone as Opus, 50 packets a second, until the test ends. Tells how many it has sent. */
export function sendTone(producers: Pick<StageProducers, 'audioSsrc' | 'sendAudio'>): () => number {
  const encoder = new OpusScript(48_000, 1, OpusScript.Application.AUDIO);
  const packetizer = new OpusPacketizer({ payloadType: AUDIO_PAYLOAD_TYPE, ssrc: producers.audioSsrc });
  let ticks = 0;
  const timer = setInterval(() => {
    const pcm = Int16Array.from({ length: 960 }, (_, index) => 16_000 * Math.sin((2 * Math.PI * 440 * (ticks + index)) / 48_000));
    producers.sendAudio(packetizer.packetize(encoder.encode(Buffer.from(pcm.buffer), 960), ticks));
    ticks += 960;
  }, 20);
  onTestFinished(() => {
    clearInterval(timer);
    encoder.delete();
  });
  return () => ticks / 960;
}

/** The first of `count` neighbouring ports that are free for TCP now. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await freePort(0);
    const others = Array.from({ length: count - 1 }, (_, index) => freePort(first + index + 1));
    if ((await Promise.allSettled(others)).every(({ status }) => status === 'fulfilled')) return first;
  }
}

async function freePort(wanted: number): Promise<number> {
  const server = createServer().listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

/** Whether a process with this id is there. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
