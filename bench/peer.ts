import wrtc from '@roamhq/wrtc';
import { systemClock } from '#base/clock.ts';
import { stampFrameNumber } from '#server/media/barcode.ts';
import { readPaintedFrames, type Browser, type Painted } from '#test/support/browser.ts';

const SIZE = { width: 512, height: 512 };

/** The way most servers do it: raw frames into a libwebrtc peer connection. Returns what Chromium painted and the sender's epoch. */
export async function paintedFromPeer(browser: Browser, settleMs: number, measureMs: number): Promise<[Painted[], number]> {
  const page = await browser.open('about:blank');
  const peer = new wrtc.RTCPeerConnection();
  const source = new wrtc.nonstandard.RTCVideoSource();
  const track = source.createTrack();
  peer.addTrack(track);
  try {
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const answer = await page.evaluate(async (sdp) => {
      const receiver = new RTCPeerConnection();
      const video = document.createElement('video');
      Object.assign(video, { autoplay: true, muted: true });
      document.body.append(video);
      receiver.ontrack = ({ track }) => (video.srcObject = new MediaStream([track]));
      await receiver.setRemoteDescription({ type: 'offer', sdp });
      await receiver.setLocalDescription(await receiver.createAnswer());
      await new Promise<void>((resolve) => {
        if (receiver.iceGatheringState === 'complete') resolve();
        else receiver.onicegatheringstatechange = () => receiver.iceGatheringState === 'complete' && resolve();
      });
      return receiver.localDescription?.sdp ?? '';
    }, peer.localDescription?.sdp ?? '');
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    const sender = sendFrames(source);
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0, undefined, { timeout: 30_000 });
    await page.waitForTimeout(settleMs);
    const painted = await readPaintedFrames(page, measureMs);
    sender.stop();
    return [painted, sender.epochMs];
  } finally {
    track.stop();
    peer.close();
    await page.close();
  }
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === 'complete') return resolve();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
  });
}

function sendFrames(source: InstanceType<typeof wrtc.nonstandard.RTCVideoSource>): { epochMs: number; stop: () => void } {
  const [start, epochMs] = [systemClock.now(), systemClock.wall()];
  let cancel: () => void = () => undefined;
  const next = (frame: number): void => {
    const bytes = new Uint8Array((SIZE.width * SIZE.height * 3) / 2).fill(128);
    stampFrameNumber({ ...SIZE, data: bytes }, frame);
    source.onFrame({ ...SIZE, data: new Uint8ClampedArray(bytes.buffer) as never });
    cancel = systemClock.at(start + (frame + 1) * 40, () => next(frame + 1));
  };
  next(0);
  return { epochMs, stop: () => cancel() };
}
