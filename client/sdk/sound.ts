import { Owned } from './owned.ts';

export interface SoundState {
  /** The browser plays no sound until the viewer has touched the page. */
  readonly blocked: boolean;
  readonly muted: boolean;
  /** 0–1. */
  readonly volume: number;
}

/** The one video element and whether it may be heard. */
export class Sound {
  state: SoundState = { blocked: false, muted: false, volume: 1 };
  readonly #onChange: (state: SoundState) => void;
  #video: HTMLVideoElement | undefined;
  #owned = new Owned();

  constructor(onChange: (state: SoundState) => void) {
    this.#onChange = onChange;
  }

  attach(video: HTMLVideoElement): void {
    this.#owned.close();
    this.#owned = new Owned();
    this.#video = video;
    this.#apply();
    // A new stream, or the browser's own pause (a call, a headset pulled out): the stage is live, so it goes on.
    this.#owned.listen(video, 'loadedmetadata', () => void this.play());
  }

  /** With sound if the browser lets us, else without, saying so. */
  async play(): Promise<void> {
    const video = this.#video;
    if (!video) return;
    try {
      await video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError' || video.muted) return;
      this.#set({ blocked: true });
      await video.play().catch(() => undefined);
    }
  }

  /** Must be called by a touch, click or key. */
  unmute(): void {
    this.#set({ blocked: false, muted: false });
    void this.play();
  }

  mute(): void {
    this.#set({ muted: true });
  }

  setVolume(volume: number): void {
    this.#set({ volume: Math.min(1, Math.max(0, volume)) });
  }

  close(): void {
    this.#owned.close();
    this.#video = undefined;
  }

  #set(change: Partial<SoundState>): void {
    this.state = { ...this.state, ...change };
    this.#apply();
    this.#onChange(this.state);
  }

  #apply(): void {
    if (!this.#video) return;
    this.#video.muted = this.state.muted || this.state.blocked;
    this.#video.volume = this.state.volume;
  }
}
