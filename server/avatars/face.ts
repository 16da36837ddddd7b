import type { AvatarKind } from '#protocol/http.ts';

/** What a session shows: an avatar as it was when the session began. */
export interface Face {
  readonly id: string;
  readonly name: string;
  readonly kind: AvatarKind;
  /** What renderers call it: each version of an avatar has its own. */
  readonly key: string;
  /** The provider's voice id; of one that comes with the server, a voice of flite. */
  readonly voice: string | undefined;
  /** BCP 47, of the greeting. */
  readonly language: string | undefined;
  readonly greeting: string | undefined;
  /** For engines that take one. */
  readonly prompt: string | undefined;
  /** Where what it was made of lies; undefined for one that comes with the server. */
  readonly folder: string | undefined;
  readonly shownBy: 'renderer' | 'clip';
  /** Why its picture is less than it should be, where it is. */
  readonly lesser: string | undefined;
}

/** A face that somebody shows, and may not go away meanwhile. */
export interface HeldFace extends Face {
  /** Idempotent. */
  release(): void;
}
