import { createCanvas, type Canvas, type SKRSContext2D } from '@napi-rs/canvas';
import type { Blend } from '#base/expression.ts';
import type { Size } from '#base/media.ts';
import { rgbaToI420 } from '../i420.ts';
import { drawEyes, eyesOf, type Eyes } from './eyes.ts';
import { Expressions } from './expressions.ts';
import { drawBackdrop, drawLayers, scaleOf, type Layer, type Layers } from './layers.ts';
import { VIEW, type PortraitAvatar } from './look.ts';
import { drawMouth, type MouthShape } from './mouth.ts';
import type { Pose } from './pose.ts';

/** One picture to draw: a frame of the idle loop, with this expression and this mouth. */
export interface Order {
  readonly idleFrame: number;
  readonly blend: Blend;
  readonly mouth: MouthShape;
  /** 0…1: brows and head go along with a stressed syllable. */
  readonly stress?: number;
}

/** How far the parts move at a pose of 1, art units and degrees. */
const TURN = {
  head: 4,
  face: 4.5,
  hair: 1.5,
  rear: -3,
  nod: 2.5,
  face_nod: 2,
  roll: 1.1,
  breath: 1.8,
  swell: 0.005,
  lean: 0.03,
  chest_lean: 0.014,
  brows: -7,
} as const;
/** What a stressed syllable adds to a pose. */
const STRESS = { brows: 0.85, nod: 0.7 } as const;
/** The head turns about the neck, the chest swells from below the picture. */
const NECK = { x: 384, y: 585 } as const;
const WAIST = 900;

/** A character ready to be drawn at one size. */
export class Face {
  readonly #size: Size;
  readonly #backdrop: Canvas;
  readonly #layers: Layers;
  readonly #eyes: Eyes;
  readonly #expressions: Expressions;
  readonly #canvas: Canvas;
  readonly #context: SKRSContext2D;

  private constructor(avatar: PortraitAvatar, layers: Layers, size: Size) {
    this.#size = size;
    this.#layers = layers;
    this.#backdrop = drawBackdrop(avatar.look.backdrop, size);
    this.#eyes = eyesOf(avatar.look);
    this.#expressions = new Expressions(avatar.id);
    this.#canvas = createCanvas(size.width, size.height);
    this.#context = this.#canvas.getContext('2d', { alpha: false });
  }

  static async create(avatar: PortraitAvatar, size: Size): Promise<Face> {
    return new Face(avatar, await drawLayers(avatar.look, size), size);
  }

  /** The picture as I420. */
  draw(order: Order, into: Uint8Array): void {
    rgbaToI420(this.paint(order).data(), this.#size, into);
  }

  /** The picture on the face's own canvas, good until the next one is painted. */
  paint({ idleFrame, blend, mouth, stress = 0 }: Order): Canvas {
    const posed = this.#expressions.pose(idleFrame, blend);
    const pose = { ...posed, brows: posed.brows + stress * STRESS.brows, nod: posed.nod + stress * STRESS.nod };
    this.#context.drawImage(this.#backdrop, 0, 0);
    this.#head(pose, TURN.rear, 0, () => this.#part('rearHair'));
    this.#chest(pose, () => this.#part('body'));
    this.#head(pose, 0, 0, () => this.#part('head'));
    this.#chest(pose, () => this.#part('clothes'));
    this.#head(pose, TURN.face, TURN.face_nod, () => {
      drawMouth(this.#context, { ...mouth, wide: Math.min(1, Math.max(-1, mouth.wide + pose.lips)) });
      this.#part('beard');
      drawEyes(this.#context, this.#eyes, pose);
      this.#context.translate(0, pose.brows * TURN.brows);
      this.#part('eyebrows');
    });
    this.#head(pose, TURN.hair, 0, () => this.#part('hair'));
    return this.#canvas;
  }

  /** Draws what goes with the head; `depth` is how much nearer it is than the skull, so that a turn shows. */
  #head(pose: Pose, depth: number, nodDepth: number, draw: () => void): void {
    this.#within((context) => {
      const down = pose.nod * (TURN.nod + nodDepth) - pose.breath * TURN.breath;
      context.translate(NECK.x + pose.yaw * (TURN.head + depth), NECK.y + down);
      context.rotate((pose.roll * TURN.roll * Math.PI) / 180);
      context.scale(1 + pose.lean * TURN.lean, 1 + pose.lean * TURN.lean);
      context.translate(-NECK.x, -NECK.y);
      draw();
    });
  }

  /** Draws what goes with the breath. */
  #chest(pose: Pose, draw: () => void): void {
    this.#within((context) => {
      context.translate(NECK.x, WAIST);
      const near = 1 + pose.lean * TURN.chest_lean;
      context.scale(near + pose.breath * TURN.swell * 0.6, near + pose.breath * TURN.swell);
      context.translate(-NECK.x, -WAIST);
      draw();
    });
  }

  /** Draws in art units. */
  #within(draw: (context: SKRSContext2D) => void): void {
    const scale = scaleOf(this.#size);
    this.#context.save();
    this.#context.setTransform(scale, 0, 0, scale, this.#size.width / 2 - VIEW.centre * scale, -VIEW.top * scale);
    draw(this.#context);
    this.#context.restore();
  }

  #part(name: keyof Layers): void {
    const layer: Layer | undefined = this.#layers[name];
    if (!layer) return;
    this.#context.drawImage(layer.canvas, layer.x, layer.y, layer.canvas.width * layer.unit, layer.canvas.height * layer.unit);
  }
}
