import type { EventName, EventOf } from '#protocol/signalling.ts';

/** One event as clients get it. */
export type SessionEvent = { [Name in EventName]: { readonly name: Name; readonly payload: EventOf<Name> } }[EventName];

export type SessionEvents = {
  event: [SessionEvent];
  /** Nothing follows. */
  close: [reason: string];
  /** The server stops; nothing follows, and the session will be found again. */
  suspend: [];
};
