import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Packet } from '#base/media.ts';
import { SIZE, stagePackets } from '#test/fixtures/stage-packets.ts';
import { NutFrames, nutHeader } from './nut.ts';

interface Probe {
  readonly streams: { codec_name: string; width?: number; sample_rate?: string; channels?: number; extradata_size?: number }[];
  readonly packets: { stream_index: number; pts: number; size: string; flags: string; data_hash: string }[];
}

/** What ffprobe reads, with everything it has to complain about. */
async function probe(packets: readonly Packet[], parameterSets = new Uint8Array()): Promise<{ read: Probe; stderr: string }> {
  const nut = new NutFrames();
  const input = Buffer.concat([nutHeader(SIZE, parameterSets), ...packets.map((packet) => nut.frame(packet))]);
  const show = ['-show_streams', '-show_packets', '-show_data_hash', 'crc32', '-of', 'json'];
  const { stdout, stderr } = await execa('ffprobe', ['-v', 'warning', ...show, '-f', 'nut', '-i', 'pipe:0'], { input });
  return { read: JSON.parse(stdout) as Probe, stderr };
}

describe('NUT', () => {
  it('is read by ffprobe with every timestamp, size and keyframe as written', async () => {
    const packets = (await stagePackets({ seconds: 2, startTicks: 5_000_000_000 })).slice(3);
    expect(packets[0]).toMatchObject({ kind: 'video', keyframe: true });
    const { read } = await probe(packets);
    expect(read.streams).toMatchObject([
      { codec_name: 'h264', width: SIZE.width },
      { codec_name: 'opus', sample_rate: '48000', channels: 1 },
    ]);
    const written = packets.map(({ kind, ticks, data, keyframe }) => [
      kind === 'video' ? 0 : 1,
      ticks,
      data.length,
      kind === 'audio' || keyframe,
    ]);
    expect(
      read.packets.map(({ stream_index: stream, pts, size, flags }) => [stream, pts, Number(size), flags.startsWith('K')]),
    ).toEqual(written);
  });

  it('carries any packet at any time, gaps included', async () => {
    const packet = fc.record({
      step: fc.integer({ min: 1, max: 10_000_000 }),
      data: fc.uint8Array({ minLength: 1, maxLength: 6_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 20 }), fc.nat(2 ** 50), async (given, start) => {
        let ticks = start;
        const idr: Packet = { kind: 'video', data: Buffer.from('00000165', 'hex'), ticks, keyframe: true };
        const packets = given.map(({ step, data }): Packet => ({ kind: 'audio', data, ticks: (ticks += step), keyframe: false }));
        const { read } = await probe([idr, ...packets]);
        expect(read.packets.slice(1).map(({ pts, size }) => [pts, Number(size)])).toEqual(
          packets.map((p) => [p.ticks, p.data.length]),
        );
      }),
      { numRuns: 8 },
    );
  });

  it('has checksums that hold for large frames and parameter sets', async () => {
    const idr: Packet = { kind: 'video', data: Buffer.alloc(300_000, 0x42), ticks: 0, keyframe: true };
    const { read, stderr } = await probe([idr, { ...idr, ticks: 1_920 }], Buffer.alloc(5_000, 1));
    expect(stderr).not.toMatch(/checksum/i);
    expect(read.packets.map(({ size }) => Number(size))).toEqual([300_000, 300_000]);
  });

  it('loses nothing of a second that is far longer than 64 KiB', async () => {
    const packets = Array.from({ length: 50 }, (_, i): Packet => {
      const data = Buffer.alloc(30_000, 0x42);
      data.write(i === 0 ? '00000165' : '00000141', 'hex');
      return { kind: 'video', data, ticks: i * 1_920, keyframe: i === 0 };
    });
    const { read, stderr } = await probe(packets);
    expect(stderr).not.toMatch(/damaged/);
    expect(read.packets.map(({ pts }) => pts)).toEqual(packets.map(({ ticks }) => ticks));
  });
});
