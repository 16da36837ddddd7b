const SPS = 7;
const PPS = 8;

/** The SPS and PPS (H.264 §7.4.1, types 7 and 8) of an access unit, each with its start code (Annex B). Empty when it has none. */
export function parameterSets(accessUnit: Uint8Array): Uint8Array {
  return Buffer.concat(
    nalUnits(accessUnit)
      .filter((unit) => [SPS, PPS].includes((unit[0] ?? 0) & 0x1f))
      .flatMap((unit) => [Buffer.of(0, 0, 0, 1), unit]),
  );
}

/** The NAL units of an Annex B byte stream, without start codes. */
function nalUnits(stream: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(stream.buffer, stream.byteOffset, stream.byteLength);
  const units: Uint8Array[] = [];
  for (let code = bytes.indexOf('000001', 0, 'hex'); code >= 0;) {
    const next = bytes.indexOf('000001', code + 3, 'hex');
    let end = next < 0 ? bytes.length : next;
    while (next >= 0 && end > code + 3 && bytes[end - 1] === 0) end -= 1;
    units.push(bytes.subarray(code + 3, end));
    code = next;
  }
  return units;
}
