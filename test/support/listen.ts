import type { Page } from 'playwright-core';

/**
 * Records what the page's `<video>` plays, as WebM with Opus. The stage's own tracks are recorded, so that a muted element doesn't matter;
 * over HLS, where there are none, the element's output is captured.
 */
export async function startRecording(page: Page): Promise<() => Promise<Buffer>> {
  await page.evaluate(() => {
    const video = document.querySelector('video') as HTMLVideoElement & { captureStream(): MediaStream };
    const stream = video.srcObject instanceof MediaStream ? video.srcObject : video.captureStream();
    const recorder = new MediaRecorder(new MediaStream(stream.getAudioTracks()), { mimeType: 'audio/webm;codecs=opus' });
    const chunks: Blob[] = [];
    recorder.ondataavailable = ({ data }) => chunks.push(data);
    recorder.start(250);
    Object.assign(window, {
      stopRecording: () =>
        new Promise<string>((resolve) => {
          recorder.onstop = () => {
            const reader = new FileReader();
            reader.onload = () => resolve((reader.result as string).split(',')[1] ?? '');
            reader.readAsDataURL(new Blob(chunks));
          };
          recorder.stop();
        }),
    });
  });
  return async () => {
    const base64 = await page.evaluate(() => (window as unknown as { stopRecording: () => Promise<string> }).stopRecording());
    return Buffer.from(base64, 'base64');
  };
}

/** Loudness (RMS, 0–1) of the stage's sound in the page, sampled every 20 ms for `ms`, with Unix times. */
export function measureLoudness(page: Page, ms: number): Promise<{ at: number; rms: number }[]> {
  return page.evaluate(
    ({ ms }) =>
      new Promise<{ at: number; rms: number }[]>((resolve) => {
        const video = document.querySelector('video') as HTMLVideoElement;
        const context = new AudioContext();
        const analyser = new AnalyserNode(context, { fftSize: 1_024 });
        context.createMediaStreamSource(video.srcObject as MediaStream).connect(analyser);
        const samples = new Float32Array(analyser.fftSize);
        const heard: { at: number; rms: number }[] = [];
        const end = performance.now() + ms;
        const timer = setInterval(() => {
          analyser.getFloatTimeDomainData(samples);
          heard.push({
            at: performance.timeOrigin + performance.now(),
            rms: Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length),
          });
          if (performance.now() < end) return;
          clearInterval(timer);
          void context.close().then(() => resolve(heard));
        }, 20);
      }),
    { ms },
  );
}

/** How much the middle of the picture's lower half (where the mouth is) changes from frame to frame: mean absolute luma step, for `ms`. */
export function measureMouth(page: Page, ms: number): Promise<number> {
  return page.evaluate(
    ({ ms }) =>
      new Promise<number>((resolve) => {
        const video = document.querySelector('video') as HTMLVideoElement;
        const canvas = new OffscreenCanvas(64, 48);
        const context = canvas.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
        const steps: number[] = [];
        let before: Uint8ClampedArray | undefined;
        const end = performance.now() + ms;
        const read = (): void => {
          const { videoWidth: width, videoHeight: height } = video;
          context.drawImage(video, width * 0.35, height * 0.45, width * 0.3, height * 0.25, 0, 0, 64, 48);
          const { data } = context.getImageData(0, 0, 64, 48);
          const last = before;
          if (last) {
            let sum = 0;
            for (let i = 1; i < data.length; i += 4) sum += Math.abs((data[i] ?? 0) - (last[i] ?? 0));
            steps.push(sum / (data.length / 4));
          }
          before = data;
          if (performance.now() < end) video.requestVideoFrameCallback(read);
          else resolve(steps.reduce((sum, step) => sum + step, 0) / Math.max(1, steps.length));
        };
        video.requestVideoFrameCallback(read);
      }),
    { ms },
  );
}
