import { useRef } from 'react';

/** What was sent from this box, to be called back by ↑ and ↓ as in a shell. */
export function useHistory() {
  const sent = useRef<string[]>([]);
  /** How many steps back; 0 is what is being written. */
  const back = useRef(0);
  const draft = useRef('');

  return {
    add(text: string): void {
      if (sent.current.at(-1) !== text) sent.current.push(text);
      back.current = 0;
    },
    /** The text to show, or undefined where the key only moves the caret between lines. */
    recall(
      key: 'ArrowUp' | 'ArrowDown',
      text: string,
      { selectionStart, selectionEnd }: HTMLTextAreaElement,
    ): string | undefined {
      const isUp = key === 'ArrowUp';
      if (selectionStart !== selectionEnd) return undefined;
      if (isUp ? text.slice(0, selectionStart).includes('\n') : text.slice(selectionEnd).includes('\n')) return undefined;
      const next = back.current + (isUp ? 1 : -1);
      if (next < 0 || next > sent.current.length) return undefined;
      if (back.current === 0) draft.current = text;
      back.current = next;
      return next === 0 ? draft.current : sent.current.at(-next);
    },
  };
}
