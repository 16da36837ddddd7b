import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { io, type Socket } from 'socket.io-client';
import type { CreatedSession, StageStatus, Transcript, Turn } from '#protocol/http.ts';
import { Caption } from '#protocol/signalling.ts';
import { recognise } from '#test/recognise.ts';
import type { Browser } from '#test/support/browser.ts';
import { turnOn, utter } from '#test/support/host-voice.ts';
import { startRecording } from '#test/support/listen.ts';
import type { RunningServer } from '#test/support/server.ts';

/** A caption, and when it was told, Unix ms. */
export interface ToldCaption {
  readonly at: number;
  readonly caption: Caption;
}

/** Longest that an answer is waited for, ms. */
const PATIENCE = 60_000;

/** A person before the page: speaks into its microphone, hears what it plays, and reads what the server tells. */
export class Host {
  /** Of the avatar, in the order they were told. */
  readonly captions: ToldCaption[] = [];
  readonly #server: RunningServer;
  readonly #session: CreatedSession;
  readonly #page: Page;
  readonly #socket: Socket;

  private constructor(server: RunningServer, session: CreatedSession, page: Page) {
    this.#server = server;
    this.#session = session;
    this.#page = page;
    this.#socket = io(server.url, { auth: { token: session.token }, transports: ['websocket'], forceNew: true });
    this.#socket.on('caption', (told: unknown) => {
      const caption = Caption.parse(told);
      if (caption.who !== 'host') this.captions.push({ at: Date.now(), caption });
    });
  }

  /** @param browser with a voice, see `giveVoice` */
  static async open(server: RunningServer, browser: Browser): Promise<Host> {
    const session = await server.createSession({});
    const page = await browser.open(session.urls.page);
    await turnOn(page);
    return new Host(server, session, page);
  }

  /** Utters these sounds one after the other; a number is silence, ms. */
  async says(...parts: readonly (Buffer | number)[]): Promise<void> {
    for (const part of parts) await (typeof part === 'number' ? sleep(part) : utter(this.#page, part));
  }

  /** Hears the page from now on; resolves with the way to end that and to know the words. */
  async hears(): Promise<() => Promise<string>> {
    const stop = await startRecording(this.#page);
    return async () => recognise(await stop());
  }

  async turns(): Promise<readonly Turn[]> {
    const { id, token } = this.#session;
    return ((await this.#server.call('GET', `/v1/sessions/${id}/transcript`, undefined, token)).body as Transcript).turns;
  }

  /** The turn of that number, once it is in one of these states; undefined when it isn't in time. */
  async turn(index: number, ...states: readonly Turn['state'][]): Promise<Turn | undefined> {
    for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(50)) {
      const turn = (await this.turns())[index];
      if (turn && states.includes(turn.state)) return turn;
    }
    return undefined;
  }

  stage(): Promise<StageStatus> {
    return this.#server.stage(this.#session);
  }

  close(): void {
    this.#socket.disconnect();
  }
}
