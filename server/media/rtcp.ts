/** Payload-specific feedback (RFC 4585 §6.1) and its formats: picture loss (§6.3.1) and full intra request (RFC 5104 §4.3.1). */
const PAYLOAD_FEEDBACK = 206;
const PLI = 1;
const FIR = 4;

/** Reads a compound RTCP packet (RFC 3550 §6.1). Never throws: reading stops where the bytes stop making sense. */
export function readRtcp(data: Uint8Array): { readonly keyframeRequested: boolean } {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let keyframeRequested = false;
  for (let at = 0; at + 4 <= view.byteLength;) {
    const first = view.getUint8(at);
    const end = at + 4 + view.getUint16(at + 2) * 4;
    if (first >> 6 !== 2 || end > view.byteLength) break;
    const format = first & 0x1f;
    if (view.getUint8(at + 1) === PAYLOAD_FEEDBACK && (format === PLI || format === FIR)) keyframeRequested = true;
    at = end;
  }
  return { keyframeRequested };
}
