import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { launchBrowser } from '#test/support/browser.ts';
import { sendTone, startSfu } from '#test/support/sfu.ts';
import { PLAYOUT_DELAY_ID, VIDEO_PAYLOAD_TYPE } from './codecs.ts';
import type { StageProducers } from './producers.ts';
import { H264Packetizer } from './rtp.ts';
import { Viewers } from './viewers.ts';
import { Whep } from './whep.ts';

const AUD = Buffer.of(0, 0, 0, 1, 9);

/** Ten seconds of ffmpeg's test picture with one keyframe, one buffer per picture. */
async function encodePictures(): Promise<Buffer[]> {
  const source = ['-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=25', '-t', '10'];
  const codec = [
    '-c:v',
    'libx264',
    '-preset',
    'superfast',
    '-tune',
    'zerolatency',
    '-profile:v',
    'baseline',
    '-pix_fmt',
    'yuv420p',
  ];
  const { stdout } = await execa(
    'ffmpeg',
    [...source, ...codec, '-x264-params', 'aud=1:keyint=500:scenecut=0', '-f', 'h264', '-'],
    {
      encoding: 'buffer',
      stderr: 'ignore',
    },
  );
  const stream = Buffer.from(stdout);
  const pictures: Buffer[] = [];
  for (let at = 0; at >= 0;) {
    const next = stream.indexOf(AUD, at + AUD.length);
    pictures.push(stream.subarray(at, next < 0 ? undefined : next));
    at = next;
  }
  return pictures;
}

/** Plays the pictures at 25 a second, from the keyframe on whenever one is asked for. Returns how often it was. */
function sendPictures(producers: StageProducers, pictures: readonly Buffer[]): () => number {
  const { videoSsrc: ssrc } = producers;
  const packetizer = new H264Packetizer({ payloadType: VIDEO_PAYLOAD_TYPE, ssrc, playoutDelayId: PLAYOUT_DELAY_ID });
  let [next, frame, requests] = [0, 0, 0];
  producers.onKeyframeRequest(() => {
    requests += 1;
    next = 0;
  });
  const timer = setInterval(() => {
    producers.sendVideo(packetizer.packetize(pictures[next++ % pictures.length] ?? AUD, 1_920 * frame++));
  }, 40);
  onTestFinished(() => clearInterval(timer));
  return () => requests;
}

/** Runs in the page: a WHEP player. Resolves once 25 pictures were painted. */
async function watch(): Promise<{ width: number; framesDecoded: number; audioPackets: number; tracks: number }> {
  const pc = new RTCPeerConnection();
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
  const video = document.body.appendChild(document.createElement('video'));
  video.autoplay = true;
  const streams = new Set<MediaStream>();
  pc.ontrack = ({ streams: [stream] }) => {
    if (!stream) return;
    streams.add(stream);
    video.srcObject = stream;
  };
  await pc.setLocalDescription();
  const exposed = globalThis as unknown as { whepOffer(sdp: string): Promise<string> };
  await pc.setRemoteDescription({ type: 'answer', sdp: await exposed.whepOffer(pc.localDescription?.sdp ?? '') });
  for (let painted = 0; painted < 25; painted += 1) await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  const reports = [...(await pc.getStats()).values()] as {
    type: string;
    kind: string;
    framesDecoded: number;
    packetsReceived: number;
  }[];
  const inbound = (kind: string) => reports.find((report) => report.type === 'inbound-rtp' && report.kind === kind);
  return {
    width: video.videoWidth,
    framesDecoded: inbound('video')?.framesDecoded ?? 0,
    audioPackets: inbound('audio')?.packetsReceived ?? 0,
    tracks: [...streams].flatMap((stream) => stream.getTracks()).length / streams.size,
  };
}

test('Chromium plays sound and picture by WHEP, from a keyframe asked for when it connects', { timeout: 120_000 }, async () => {
  const { router, producers } = await startSfu();
  const requests = sendPictures(producers, await encodePictures());
  sendTone(producers);
  const viewers = new Viewers({ router, producers, maxViewers: 2, log: silentLog, metrics: createMetrics() });
  const whep = new Whep({ router, producers, viewers, log: silentLog });
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.open('about:blank');
  await page.exposeFunction('whepOffer', async (sdp: string) => (await whep.offer(sdp)).answer);
  const before = requests();
  const seen = await page.evaluate(watch);
  expect(requests()).toBeGreaterThan(before);
  expect(seen).toMatchObject({ width: 320, tracks: 2 });
  expect(seen.framesDecoded).toBeGreaterThanOrEqual(25);
  expect(seen.audioPackets).toBeGreaterThan(10);
});
