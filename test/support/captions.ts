import type { Caption } from '#protocol/signalling.ts';

/** Adds `caption`, in the place of an earlier one of the same clause: captions are told again as more is known of them. */
export function keepNewest(captions: Caption[], caption: Caption): void {
  const at = captions.findIndex(({ utteranceId, clause }) => utteranceId === caption.utteranceId && clause === caption.clause);
  if (at < 0) captions.push(caption);
  else captions[at] = caption;
}
