import { createAvatar } from '@dicebear/core';
import * as toonHead from '@dicebear/toon-head';

/** How a character looks: choices of DiceBear's `toon-head`, colours as six hex digits. */
export interface Look {
  readonly hair: 'sideComed' | 'undercut' | 'spiky' | 'bun';
  readonly rearHair?: 'longStraight' | 'longWavy' | 'shoulderHigh' | 'neckHigh';
  readonly eyes: 'happy' | 'wide';
  readonly eyebrows: 'raised' | 'angry' | 'happy' | 'sad' | 'neutral';
  readonly beard?: 'chin' | 'chinMoustache' | 'moustacheTwirl';
  readonly clothes: 'turtleNeck' | 'openJacket' | 'dress' | 'shirt' | 'tShirt';
  readonly skinColor: string;
  readonly hairColor: string;
  readonly clothesColor: string;
  /** Centre and rim of the backdrop. */
  readonly backdrop: readonly [string, string];
}

/** A character as the portrait renderer takes it; `id` also seeds its blinks and sway. */
export interface PortraitAvatar {
  readonly id: string;
  readonly look: Look;
}

export const PARTS = ['rearHair', 'body', 'head', 'clothes', 'beard', 'eyebrows', 'hair'] as const;
export type Part = (typeof PARTS)[number];

/** The window onto the art, in its own units: eye line at 40 % of the height, shoulders cut by the lower edge. */
export const VIEW = { top: 86, height: 788, centre: 384 } as const;

/** Box that holds every part with room for movement, art units. */
export const ART = { x: -16, y: 60, width: 800, height: 840 } as const;

/** Inside of the SVG of the named part alone, in art units; empty when the look has no such part. */
export function partOf(look: Look, part: Part | 'eyes'): string {
  const only = (name: Part | 'eyes', choice: string | undefined): string[] => (name === part && choice ? [choice] : []);
  const options = {
    seed: part,
    clip: false,
    rearHair: only('rearHair', look.rearHair),
    rearHairProbability: 100,
    body: only('body', 'body'),
    head: only('head', 'head'),
    clothes: only('clothes', look.clothes),
    mouth: [],
    beard: only('beard', look.beard),
    beardProbability: 100,
    eyes: only('eyes', look.eyes),
    eyebrows: only('eyebrows', look.eyebrows),
    hair: only('hair', look.hair),
    hairProbability: 100,
    skinColor: [look.skinColor],
    hairColor: [look.hairColor],
    clothesColor: [look.clothesColor],
  };
  // The options are checked by Look; DiceBear's own types want each array's literals spelled out.
  const svg = createAvatar(toonHead, options as Parameters<typeof createAvatar<toonHead.Options>>[1]).toString();
  return svg.slice(svg.indexOf('</metadata>') + '</metadata>'.length, svg.lastIndexOf('</svg>'));
}
