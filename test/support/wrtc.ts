import wrtc from '@roamhq/wrtc';

/** mediasoup-client looks for a browser's classes; wrtc has them, audio and VP8/VP9/AV1 but no H.264. */
export function installWrtc(): void {
  const { RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver, RTCSessionDescription, RTCIceCandidate } = wrtc;
  const { MediaStream, MediaStreamTrack } = wrtc;
  Object.assign(globalThis, {
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
    RTCIceCandidate,
    MediaStream,
    MediaStreamTrack,
  });
}

/** Loudness (RMS, 16 bit) of the next `seconds` this track plays. */
export function listen(track: MediaStreamTrack, seconds = 0.5): Promise<number> {
  const sink = new wrtc.nonstandard.RTCAudioSink(track);
  let [sum, count, rate] = [0, 0, 48_000];
  return new Promise((resolve) => {
    sink.ondata = ({ samples, sampleRate }: { samples: Int16Array; sampleRate: number }) => {
      for (const sample of samples) sum += sample * sample;
      count += samples.length;
      rate = sampleRate;
      if (count < seconds * rate) return;
      sink.stop();
      resolve(Math.sqrt(sum / count));
    };
  });
}
