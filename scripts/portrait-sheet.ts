import { writeFile } from 'node:fs/promises';
import { createCanvas, type Canvas } from '@napi-rs/canvas';
import { AT_REST, type Blend } from '#base/expression.ts';
import { avatars } from '#server/avatars/catalogue.ts';
import { Face, type Order } from '#server/render/portrait/face.ts';
import { REST } from '#server/render/portrait/mouth.ts';

/** Draws docs/images/characters.png and docs/images/visemes.png: each character in each expression, and the mouths of one. */
const SIDE = 200;
const LABEL = 22;
const IMAGES = new URL('../docs/images/', import.meta.url);

const blend = (part: Partial<Blend>): Blend => ({ ...AT_REST, ...part });
const EXPRESSIONS: Readonly<Record<string, Order>> = {
  idle: { idleFrame: 0, blend: AT_REST, mouth: REST },
  listening: { idleFrame: 10, blend: blend({ listening: 1 }), mouth: REST },
  'a nod': { idleFrame: 14, blend: blend({ listening: 1, nod: 1 }), mouth: REST },
  thinking: { idleFrame: 30, blend: blend({ thinking: 1 }), mouth: REST },
  speaking: { idleFrame: 40, blend: AT_REST, mouth: { open: 0.62, wide: 0.15, teeth: 0 } },
  'a stress': { idleFrame: 46, blend: AT_REST, mouth: { open: 0.8, wide: 0.1, teeth: 0 }, stress: 1 },
};
const mouth = (open: number, wide: number, teeth = 0): Order => ({ idleFrame: 0, blend: AT_REST, mouth: { open, wide, teeth } });
const VISEMES: Readonly<Record<string, Order>> = {
  rest: mouth(0, 0),
  'm b p': mouth(0, -0.1),
  'f v': mouth(0.14, 0.1, 0.75),
  's z': mouth(0.2, 0.35, 1),
  'ee i': mouth(0.28, 0.95),
  eh: mouth(0.5, 0.45),
  ah: mouth(0.95, 0.1),
  uh: mouth(0.45, -0.1),
  oh: mouth(0.6, -0.7),
  'oo w': mouth(0.25, -1),
};

async function sheet(name: string, rows: readonly (readonly [Face, Readonly<Record<string, Order>>])[]): Promise<void> {
  const columns = Math.max(...rows.map(([, orders]) => Object.keys(orders).length));
  const canvas = createCanvas(columns * SIDE, rows.length * (SIDE + LABEL));
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#222';
  context.font = '13px sans-serif';
  for (const [row, [face, orders]] of rows.entries())
    for (const [column, [label, order]] of Object.entries(orders).entries()) {
      const [x, y] = [column * SIDE, row * (SIDE + LABEL)];
      const picture: Canvas = face.paint(order);
      context.drawImage(picture, x, y);
      context.fillText(label, x + 6, y + SIDE + 15);
    }
  await writeFile(new URL(name, IMAGES), await canvas.encode('png'));
}

const size = { width: SIDE, height: SIDE };
const faces = await Promise.all(avatars().map((avatar) => Face.create(avatar, size)));
await sheet(
  'characters.png',
  faces.map((face) => [face, EXPRESSIONS] as const),
);
const names = Object.keys(VISEMES);
const part = (from: number): Readonly<Record<string, Order>> =>
  Object.fromEntries(Object.entries(VISEMES).slice(from, from + names.length / 2));
const [nora, theo] = faces;
if (nora && theo)
  await sheet('visemes.png', [
    [nora, part(0)],
    [nora, part(names.length / 2)],
    [theo, part(0)],
    [theo, part(names.length / 2)],
  ]);
