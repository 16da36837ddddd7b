/** H.264 NAL unit types (ISO/IEC 14496-10 table 7-1). */
export const NAL = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8 } as const;

const START_CODE = new Uint8Array([0, 0, 0, 1]);

export const nalType = (nal: Uint8Array): number => (nal[0] ?? 0) & 0x1f;

/** The NAL units of an Annex B byte stream, without start codes, as views of `data`. Zero bytes around them are dropped. */
export function splitNals(data: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const nals: Uint8Array[] = [];
  let start = nextStartCode(bytes, 0);
  while (start < bytes.length) {
    const from = start + 3;
    const next = nextStartCode(bytes, from);
    let end = next;
    // A NAL unit never ends in a zero byte, so zeros before a start code belong to the start code (Annex B.1.1).
    while (end > from && bytes[end - 1] === 0) end -= 1;
    if (end > from) nals.push(data.subarray(from, end));
    start = next;
  }
  return nals;
}

const MARK = Buffer.from([0, 0, 1]);
const nextStartCode = (bytes: Buffer, from: number): number => {
  const at = bytes.indexOf(MARK, from);
  return at < 0 ? bytes.length : at;
};

/** One Annex B byte stream from NAL units, in a buffer of its own. */
export function joinNals(nals: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(nals.reduce((sum, nal) => sum + START_CODE.length + nal.length, 0));
  let at = 0;
  for (const nal of nals) {
    joined.set(START_CODE, at);
    joined.set(nal, at + START_CODE.length);
    at += START_CODE.length + nal.length;
  }
  return joined;
}
