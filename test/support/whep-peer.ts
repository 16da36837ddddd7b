import wrtc from '@roamhq/wrtc';

/** A WHEP player on wrtc, which numbers Opus 117 in its offers. */
export class WhepPeer {
  readonly pc = new wrtc.RTCPeerConnection();
  #answer = '';

  constructor() {
    this.pc.addTransceiver('audio', { direction: 'recvonly' });
    this.pc.addTransceiver('video', { direction: 'recvonly' });
  }

  get track(): MediaStreamTrack {
    const track = this.pc.getReceivers().find((receiver) => receiver.track.kind === 'audio')?.track;
    if (!track) throw new Error('no audio receiver');
    return track;
  }

  async offer(options: RTCOfferOptions = {}): Promise<string> {
    const { sdp } = await this.pc.createOffer(options);
    const offer = renumber(sdp ?? '', 111, 117);
    await this.pc.setLocalDescription({ type: 'offer', sdp: offer });
    return offer;
  }

  async accept(answer: string): Promise<void> {
    this.#answer = answer;
    await this.pc.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  /** The last answer under the credentials and candidates of an ICE restart's fragment. */
  async acceptRestart(fragment: string): Promise<void> {
    const credentials = (name: string): string => new RegExp(`a=${name}:\\S+`).exec(fragment)?.[0] ?? '';
    const answer = ['ice-ufrag', 'ice-pwd'].reduce(
      (sdp, name) => sdp.replace(new RegExp(`a=${name}:\\S+`, 'g'), credentials(name)),
      this.#answer,
    );
    await this.accept(answer);
  }

  close(): void {
    this.pc.close();
  }
}

/** The SDP with one payload type of its audio line under another number. */
export function renumber(sdp: string, from: number, to: number): string {
  return sdp
    .replace(new RegExp(`^(a=(?:rtpmap|fmtp|rtcp-fb):)${from}\\b`, 'gm'), `$1${to}`)
    .replace(/^(m=audio \d+ \S+ )(.*)$/m, (_, head: string, formats: string) => head + formats.replace(String(from), String(to)))
    .replace(`${from}/${from}`, `${to}/${to}`);
}

/** An offer by a peer that knows H.264, as browsers write it. */
export const withH264 = (sdp: string): string =>
  sdp
    .replace(/^(m=video \d+ \S+) .*$/m, '$1 46 47 48')
    .replace(
      /^a=rtpmap:96 VP8\/90000\r\n/m,
      [
        ...[46, 47, 48].map((payloadType) => `a=rtpmap:${payloadType} H264/90000\r\n`),
        'a=rtcp-fb:47 nack\r\na=rtcp-fb:47 nack pli\r\na=rtcp-fb:47 goog-remb\r\n',
        'a=fmtp:46 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n',
        'a=fmtp:47 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n',
        'a=fmtp:48 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f\r\n',
      ].join(''),
    );
