import type { Packet } from '#base/media.ts';
import { Queue } from '#base/queue.ts';
import type { PacketSink } from '../types.ts';

/** Ten seconds, some 1.2 MB. A stream that can't be made for longer goes on with a gap. */
const KEPT = 750;

/** The stage's packets that no published segment holds yet, so that another ffmpeg can go on where one has died. */
export class Unpublished implements PacketSink {
  /** Ticks of the newest picture. */
  newest = 0;
  readonly #packets = new Queue<Packet>(KEPT, 'drop-oldest');
  #follower: PacketSink | undefined;

  write(packet: Packet): void {
    if (packet.kind === 'video') this.newest = packet.ticks;
    void this.#packets.push(packet);
    this.#follower?.write(packet);
  }

  /** Gives `sink` what is kept, and then what comes. Returns the way out. */
  follow(sink: PacketSink): () => void {
    for (const packet of this.#packets.items) sink.write(packet);
    this.#follower = sink;
    return () => {
      if (this.#follower === sink) this.#follower = undefined;
    };
  }

  /** All before `ticks` is published. */
  published(ticks: number): void {
    for (let oldest = this.#packets.peek(); oldest && oldest.ticks < ticks; oldest = this.#packets.peek()) this.#packets.shift();
  }
}
