import { Path2D, type SKRSContext2D } from '@napi-rs/canvas';
import { partOf, type Look } from './look.ts';
import type { Pose } from './pose.ts';

interface Eye {
  readonly white: Path2D;
  readonly lash: Path2D;
  readonly iris: { readonly x: number; readonly y: number; readonly r: number };
}

/** A character's eyes, taken apart so that they can look and blink; art units. */
export interface Eyes {
  readonly pair: readonly Eye[];
  readonly lid: string;
}

const WHITE = '#F6F1E4';
const BROWN = '#4B2422';

/** Takes the base art's eyes apart: white, iris and lashes of each. */
export function eyesOf(look: Look): Eyes {
  const svg = partOf(look, 'eyes');
  const paths = (fill: string): string[] =>
    [...svg.matchAll(/<path d="([^"]+)" fill="([^"]+)"/g)].filter((path) => path[2] === fill).map((path) => path[1] ?? '');
  const [whites, lashes] = [paths(WHITE), paths(BROWN)];
  const irises = [
    ...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"(?: transform="matrix\(-1 0 0 1 ([\d.]+) ([\d.]+)\)")?/g),
  ].map((circle) => {
    const [x, y, r] = [Number(circle[1]), Number(circle[2]), Number(circle[3])];
    return circle[4] === undefined ? { x, y, r } : { x: Number(circle[4]) - x, y: Number(circle[5]) + y, r };
  });
  const pair = whites.flatMap((white, at) => {
    const [lash, iris] = [lashes[at], irises[at]];
    return lash && iris ? [{ white: new Path2D(white), lash: new Path2D(lash), iris }] : [];
  });
  if (pair.length !== 2) throw new Error(`The art's "${look.eyes}" eyes can't be taken apart: found ${pair.length} of 2.`);
  return { pair, lid: darker(look.skinColor) };
}

/** Draws both eyes with their gaze and lids. */
export function drawEyes(context: SKRSContext2D, eyes: Eyes, pose: Pose): void {
  for (const eye of eyes.pair) {
    if (pose.lids < 0.95) drawBall(context, eye, eyes.lid, pose);
    drawLash(context, eye, pose.lids);
  }
}

function drawBall(context: SKRSContext2D, { white, iris }: Eye, lid: string, { lids, gazeX, gazeY }: Pose): void {
  const [x, y] = [iris.x + gazeX * 6, iris.y + gazeY * 4];
  context.save();
  context.clip(white);
  context.fillStyle = WHITE;
  context.fillRect(iris.x - 70, iris.y - 60, 140, 120);
  disc(context, BROWN, x, y, iris.r);
  disc(context, '#2B1110', x, y, iris.r * 0.52);
  disc(context, 'rgba(255,255,255,0.92)', x - iris.r * 0.3, y - iris.r * 0.36, iris.r * 0.22);
  disc(context, 'rgba(255,255,255,0.35)', x + iris.r * 0.34, y + iris.r * 0.38, iris.r * 0.13);
  if (lids > 0) {
    const edge = iris.y - 36 + lids * 58;
    context.fillStyle = lid;
    context.beginPath();
    context.moveTo(iris.x - 70, iris.y - 80);
    context.lineTo(iris.x + 70, iris.y - 80);
    context.lineTo(iris.x + 70, edge + 8);
    context.quadraticCurveTo(iris.x, edge - 8 + 16 * lids, iris.x - 70, edge + 8);
    context.fill();
  }
  context.restore();
}

/** The lashes go down with the lid, and their arch turns over into the line of a closed eye. */
function drawLash(context: SKRSContext2D, { lash, iris }: Eye, lids: number): void {
  const pivot = iris.y - 20;
  context.save();
  context.translate(0, pivot + lids * 25);
  context.scale(1, 1 - 1.65 * lids);
  context.translate(0, -pivot);
  context.fillStyle = BROWN;
  context.fill(lash);
  context.restore();
}

function disc(context: SKRSContext2D, fill: string, x: number, y: number, r: number): void {
  context.fillStyle = fill;
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.fill();
}

const darker = (hex: string): string =>
  `rgb(${[0, 2, 4].map((at) => Math.round(parseInt(hex.slice(at, at + 2), 16) * 0.96)).join(',')})`;
