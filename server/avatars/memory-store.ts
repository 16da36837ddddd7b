import type { AvatarStore, KeptAvatar } from './store.ts';

/** Avatars that nobody remembers once the server has stopped. */
export class MemoryStore implements AvatarStore {
  readonly #avatars = new Map<string, KeptAvatar>();

  async all(): Promise<readonly KeptAvatar[]> {
    return [...this.#avatars.values()];
  }

  async put(avatar: KeptAvatar): Promise<void> {
    this.#avatars.set(avatar.id, structuredClone(avatar));
  }

  async remove(id: string): Promise<void> {
    this.#avatars.delete(id);
  }
}
