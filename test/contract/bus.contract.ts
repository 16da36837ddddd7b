import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AvatarError } from '#base/errors.ts';
import { sleep, systemClock } from '#base/clock.ts';
import type { Bus, BusLimits, Claim, Work } from '#server/bus/bus.ts';

/** One bus, seen by as many processes as ask for it. */
export interface Medium {
  open(limits: BusLimits): Promise<Bus>;
  /** What happens to it in the middle of each test. */
  between(): Promise<void>;
}

const LIMITS: BusLimits = { claimAfter: 400, maxTries: 3 };
/** Work that stays with whoever has it, for as long as a test runs. */
const PATIENT: BusLimits = { claimAfter: 60_000, maxTries: 3 };
const work = (id: string): Work => ({ id, traceId: `trace of ${id}`, body: { says: id, deep: [1, { two: '2' }] } });

/** What every bus has to hold. */
export function busContract(name: string, medium: () => Promise<Medium>): void {
  describe(`${name} as bus`, () => {
    /** One for all tests: each has a queue of its own. */
    let made: Promise<Medium> | undefined;
    const shared = (): Promise<Medium> => (made ??= medium());
    let seen: Medium;
    let queue = 'engine-0';
    let number = 0;
    const ends = new AbortController();
    const opened: Bus[] = [];
    const open = async (limits = LIMITS): Promise<Bus> => {
      const bus = await seen.open(limits);
      opened.push(bus);
      return bus;
    };
    const taking = (bus: Bus, taker: string): AsyncIterator<Claim> => bus.take(queue, taker, ends.signal)[Symbol.asyncIterator]();
    /** The next piece that `taker` gets. */
    const taken = async (source: AsyncIterator<Claim>): Promise<Claim> => {
      const { value, done } = await source.next();
      if (done) throw new Error('nothing more to take');
      return value;
    };

    beforeEach(async () => {
      seen = await shared();
      number += 1;
      queue = `engine-${String(number)}`;
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((bus) => bus.close('test over')));
    });

    it('gives work out oldest first, as it was put, and never again what is done', async () => {
      const bus = await open();
      for (const id of ['c', 'a', 'b']) expect(await bus.put(queue, work(id))).toBe(true);
      await seen.between();
      const source = taking(await open(), 'taker');
      const got = [await taken(source), await taken(source), await taken(source)];
      expect(got.map(({ id, traceId, body }) => ({ id, traceId, body }))).toEqual(['c', 'a', 'b'].map(work));
      expect(got.map(({ tries }) => tries)).toEqual([1, 1, 1]);
      expect(await bus.depth(queue)).toEqual({ waiting: 0, taken: 3, parked: 0 });
      for (const claim of got) await claim.done();
      expect(await bus.depth(queue)).toEqual({ waiting: 0, taken: 0, parked: 0 });
      expect(await bus.standing(queue, 'a')).toEqual({ state: 'gone' });
      await sleep(systemClock, 2 * LIMITS.claimAfter);
      await bus.put(queue, work('last'));
      expect((await taken(source)).id).toBe('last');
    });

    it('takes work of an id once, whether it is waiting, taken, done or cancelled', async () => {
      const bus = await open(PATIENT);
      await bus.put(queue, work('twice'));
      await bus.put(queue, work('done'));
      await seen.between();
      expect(await bus.put(queue, work('twice'))).toBe(false);
      const source = taking(bus, 'taker');
      await taken(source);
      expect(await bus.put(queue, work('twice'))).toBe(false);
      await (await taken(source)).done();
      await bus.cancel(queue, 'never came');
      await seen.between();
      expect(await bus.put(queue, work('done'))).toBe(false);
      expect(await bus.put(queue, work('never came'))).toBe(false);
      expect(await bus.depth(queue)).toEqual({ waiting: 0, taken: 1, parked: 0 });
    });

    it('gives what is not kept to another; what the first says of it then is harmless', async () => {
      const bus = await open();
      await bus.put(queue, work('left'));
      const first = await taken(taking(bus, 'dies'));
      await seen.between();
      const second = await taken(taking(await open(), 'lives'));
      expect(second).toMatchObject({ ...work('left'), tries: 2 });
      expect(await first.keep()).toBe(false);
      await first.done();
      await first.handBack();
      expect(await bus.standing(queue, 'left')).toEqual({ state: 'taken', taker: 'lives', tries: 2 });
      expect(await second.keep()).toBe(true);
      await second.done();
      expect(await second.keep()).toBe(false);
    });

    it('leaves what is kept with who has it', async () => {
      const bus = await open({ claimAfter: 1_000, maxTries: 3 });
      await bus.put(queue, work('long'));
      const claim = await taken(taking(bus, 'slow'));
      const other = taken(taking(bus, 'hungry'));
      const isOthers = vi.fn();
      void other.then(isOthers);
      for (let n = 0; n < 12; n += 1) {
        await sleep(systemClock, 150);
        expect(await claim.keep()).toBe(true);
      }
      expect(isOthers).not.toHaveBeenCalled();
      await claim.done();
      await bus.put(queue, work('next'));
      expect((await other).id).toBe('next');
    });

    it('gives what is handed back to another at once, before newer work; it counts as a try unless that is said', async () => {
      const bus = await open(PATIENT);
      for (const id of ['first', 'second']) await bus.put(queue, work(id));
      await (await taken(taking(bus, 'stopped'))).handBack('uncounted');
      await seen.between();
      expect(await bus.standing(queue, 'first')).toEqual({ state: 'waiting', ahead: 0 });
      expect(await bus.standing(queue, 'second')).toEqual({ state: 'waiting', ahead: 1 });
      const again = await taken(taking(bus, 'failing'));
      expect(again).toMatchObject({ id: 'first', tries: 1 });
      await again.handBack();
      expect(await taken(taking(bus, 'third'))).toMatchObject({ id: 'first', tries: 2 });
      expect(await again.keep()).toBe(false);
    });

    it('parks what was tried too often and goes on with the rest', async () => {
      const bus = await open();
      await bus.put(queue, work('poison'));
      await bus.put(queue, work('good'));
      for (let n = 1; n <= LIMITS.maxTries; n += 1) {
        const claim = await taken(taking(bus, `victim ${String(n)}`));
        expect(claim).toMatchObject({ id: 'poison', tries: n });
        await claim.handBack();
      }
      await seen.between();
      expect((await taken(taking(bus, 'next'))).id).toBe('good');
      expect(await bus.standing(queue, 'poison')).toEqual({ state: 'parked' });
      expect(await bus.put(queue, work('poison'))).toBe(false);
      expect(await bus.depth(queue)).toEqual({ waiting: 0, taken: 1, parked: 1 });
    });

    it('takes work from who is known to be dead, for another at once, and parks it when that was one time too many', async () => {
      const bus = await open({ claimAfter: 60_000, maxTries: 2 });
      await bus.put(queue, work('orphan'));
      const first = await taken(taking(bus, 'dies'));
      await seen.between();
      await bus.release(queue, 'orphan', 'another, who had it once');
      expect(await first.keep()).toBe(true);
      await bus.release(queue, 'orphan', 'dies');
      expect(await first.keep()).toBe(false);
      expect(await taken(taking(bus, 'dies too'))).toMatchObject({ id: 'orphan', tries: 2 });
      await bus.release(queue, 'orphan');
      expect(await bus.standing(queue, 'orphan')).toEqual({ state: 'parked' });
      await bus.release(queue, 'unknown');
    });

    it('takes cancelled work out, whoever has it, and tells those who listen', async () => {
      const bus = await open(PATIENT);
      for (const id of ['taken', 'waiting', 'wanted']) await bus.put(queue, work(id));
      const source = taking(bus, 'taker');
      const claim = await taken(source);
      const told: string[] = [];
      const listener = await open(PATIENT);
      const listening = (async () => {
        for await (const id of listener.cancelled(queue, ends.signal)) told.push(id);
      })();
      // What is cancelled before somebody listens isn't told: ask until it is heard.
      await vi.waitFor(
        async () => {
          await bus.cancel(queue, 'probe');
          expect(told).toContain('probe');
        },
        { timeout: 10_000, interval: 50 },
      );
      await seen.between();
      for (const id of ['taken', 'waiting']) await bus.cancel(queue, id);
      await vi.waitFor(() => expect(told.filter((id) => id !== 'probe')).toEqual(['taken', 'waiting']), { timeout: 10_000 });
      expect(await claim.keep()).toBe(false);
      expect(await bus.standing(queue, 'waiting')).toEqual({ state: 'gone' });
      expect((await taken(source)).id).toBe('wanted');
      await listener.close('heard enough');
      await listening;
    });

    it('says where work stands and how much there is', async () => {
      const bus = await open(PATIENT);
      expect(await bus.depth(queue)).toEqual({ waiting: 0, taken: 0, parked: 0 });
      expect(await bus.standing(queue, 'a')).toEqual({ state: 'gone' });
      for (const id of ['a', 'b', 'c']) await bus.put(queue, work(id));
      expect(await bus.standing(queue, 'c')).toEqual({ state: 'waiting', ahead: 2 });
      const source = taking(bus, 'taker');
      await taken(source);
      await seen.between();
      expect(await bus.standing(queue, 'a')).toEqual({ state: 'taken', taker: 'taker', tries: 1 });
      expect(await bus.standing(queue, 'b')).toEqual({ state: 'waiting', ahead: 0 });
      expect(await bus.standing(queue, 'c')).toEqual({ state: 'waiting', ahead: 1 });
      expect(await bus.depth(queue)).toEqual({ waiting: 2, taken: 1, parked: 0 });
    });

    it('knows who is there, until they go or are not heard of', async () => {
      const bus = await open();
      expect(await bus.takers(queue)).toEqual([]);
      await bus.announce(queue, { id: 'b', body: { clipMs: 1 } }, 60_000);
      await bus.announce(queue, { id: 'a', body: { clipMs: 2 } }, 60_000);
      await seen.between();
      await bus.announce(queue, { id: 'b', body: { clipMs: 3 } }, 60_000);
      await bus.announce(queue, { id: 'silent', body: {} }, 300);
      expect(await (await open()).takers(queue)).toEqual([
        { id: 'a', body: { clipMs: 2 } },
        { id: 'b', body: { clipMs: 3 } },
        { id: 'silent', body: {} },
      ]);
      await bus.withdraw(queue, 'a');
      await vi.waitFor(async () => expect((await bus.takers(queue)).map(({ id }) => id)).toEqual(['b']), { timeout: 5_000 });
    });

    it('keeps queues apart', async () => {
      const bus = await open(PATIENT);
      await bus.put('other', work('same id'));
      expect(await bus.put(queue, work('same id'))).toBe(true);
      await bus.cancel('other', 'same id');
      expect(await bus.standing(queue, 'same id')).toEqual({ state: 'waiting', ahead: 0 });
    });

    it('loses nothing while takers come and go at random', async () => {
      // Tried by the dozen: nothing here is poison.
      const limits = { claimAfter: 400, maxTries: 1_000 };
      const bus = await open(limits);
      const all = Array.from({ length: 120 }, (_, n) => `piece ${String(n)}`);
      const done = new Set<string>();
      const over = new AbortController();
      const careless = async (taker: string): Promise<void> => {
        const own = await open(limits);
        for await (const claim of own.take(queue, taker, over.signal)) {
          const whim = Math.random();
          if (whim < 0.1) continue;
          if (whim < 0.3) await claim.handBack(whim < 0.2 ? 'uncounted' : undefined);
          else {
            done.add(claim.id);
            await claim.done();
          }
        }
      };
      const takers = Array.from({ length: 4 }, (_, n) => careless(`taker ${String(n)}`));
      for (const [at, id] of all.entries()) {
        await bus.put(queue, work(id));
        if (at === 60) await seen.between();
      }
      await vi.waitFor(async () => expect(await bus.depth(queue)).toEqual({ waiting: 0, taken: 0, parked: 0 }), {
        timeout: 60_000,
        interval: 100,
      });
      over.abort();
      await Promise.all(takers);
      expect([...done].sort()).toEqual(all.sort());
    });

    it('ends what waits for it when it is closed, without holding work, and refuses what is asked afterwards', async () => {
      const [bus, other] = [await open(PATIENT), await open(PATIENT)];
      const [waiting, listening] = [
        taking(bus, 'leaves').next(),
        bus.cancelled(queue, ends.signal)[Symbol.asyncIterator]().next(),
      ];
      await sleep(systemClock, 100);
      await Promise.all([bus.close('over'), bus.close('over')]);
      expect([(await waiting).done, (await listening).done]).toEqual([true, true]);
      const refused = await bus.put(queue, work('late')).then(
        () => undefined,
        (error: unknown) => error as AvatarError,
      );
      expect(refused).toMatchObject({ code: 'bus_failed', details: { kind: 'closed' } });
      expect(bus.reachable).toBe(false);
      if (other === bus) return;
      await other.put(queue, work('later'));
      expect((await taken(taking(other, 'stays'))).id).toBe('later');
    });

    it('stops taking when that is no longer wanted', async () => {
      const bus = await open(PATIENT);
      const stop = new AbortController();
      const waiting = bus.take(queue, 'goes', stop.signal)[Symbol.asyncIterator]().next();
      await sleep(systemClock, 100);
      stop.abort();
      // It may still be on its way to who has just stopped.
      await bus.put(queue, work('for another'));
      expect((await waiting).done).toBe(true);
      expect(await taken(taking(bus, 'comes'))).toMatchObject({ id: 'for another', tries: 1 });
    });
  });
}
