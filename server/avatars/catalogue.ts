import { AvatarError } from '#base/errors.ts';

/** Ids that a refusal names at most. */
const MOST_NAMED = 20;

/** The characters this server comes with. `look` is for the renderer; `voice` suggests one of flite's (slt, kal, rms, awb, kal16). */
const CATALOGUE = [
  {
    id: 'nora',
    name: 'Nora',
    voice: 'slt',
    look: {
      hair: 'sideComed',
      rearHair: 'longWavy',
      eyes: 'happy',
      eyebrows: 'neutral',
      clothes: 'turtleNeck',
      skinColor: 'f1c3a5',
      hairColor: '724133',
      clothesColor: '1f6f78',
      backdrop: ['f7e7d7', 'd9b99f'],
    },
  },
  {
    id: 'theo',
    name: 'Theo',
    voice: 'rms',
    look: {
      hair: 'undercut',
      eyes: 'happy',
      eyebrows: 'neutral',
      beard: 'chin',
      clothes: 'shirt',
      skinColor: 'a36b4f',
      hairColor: '2c1b18',
      clothesColor: '23407a',
      backdrop: ['dfeaf2', '9db7cc'],
    },
  },
  {
    id: 'ida',
    name: 'Ida',
    voice: 'slt',
    look: {
      hair: 'sideComed',
      rearHair: 'shoulderHigh',
      eyes: 'wide',
      eyebrows: 'raised',
      clothes: 'tShirt',
      skinColor: 'c68e7a',
      hairColor: '2c1b18',
      clothesColor: 'd9822b',
      backdrop: ['e6efe0', 'a9c2a5'],
    },
  },
  {
    id: 'amara',
    name: 'Amara',
    voice: 'slt',
    look: {
      hair: 'bun',
      eyes: 'happy',
      eyebrows: 'happy',
      clothes: 'openJacket',
      skinColor: '6b4331',
      hairColor: '1f1512',
      clothesColor: 'a2385f',
      backdrop: ['f6e6ec', 'cfa6b8'],
    },
  },
  {
    id: 'marco',
    name: 'Marco',
    voice: 'awb',
    look: {
      hair: 'undercut',
      eyes: 'happy',
      eyebrows: 'neutral',
      beard: 'moustacheTwirl',
      clothes: 'turtleNeck',
      skinColor: 'd9a07e',
      hairColor: '8f8b85',
      clothesColor: '6b4a35',
      backdrop: ['f2ecdf', 'c9b795'],
    },
  },
  {
    id: 'greta',
    name: 'Greta',
    voice: 'slt',
    look: {
      hair: 'bun',
      eyes: 'wide',
      eyebrows: 'raised',
      clothes: 'shirt',
      skinColor: 'f1c3a5',
      hairColor: 'bdb9b2',
      clothesColor: '5a4a86',
      backdrop: ['ece8f4', 'b9aed2'],
    },
  },
] as const;

/** A character that comes with the server. */
export type BuiltIn = (typeof CATALOGUE)[number];

/** Every character that comes with the server, the default one first. */
export const avatars = (): readonly BuiltIn[] => CATALOGUE;

/** The one of that id, or the default one when none is asked for; `others` may be chosen, too. Throws `avatar_not_found`. */
export function findAvatar(id: string = CATALOGUE[0].id, others: readonly string[] = []): BuiltIn {
  const found = CATALOGUE.find((avatar) => avatar.id === id);
  if (found) return found;
  const allowed = [...CATALOGUE.map((avatar) => avatar.id), ...others].slice(0, MOST_NAMED);
  throw new AvatarError('avatar_not_found', `There is no avatar "${id.slice(0, 64)}". Choose one of: ${allowed.join(', ')}.`, {
    details: { allowed },
  });
}
