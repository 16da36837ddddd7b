import { EAR_RATE, FPS, TICKS_PER_FRAME } from './media.ts';

/** 1 kHz at a quarter of full scale; 40 ms are 40 whole periods, so it starts and ends at zero. */
const BEEP = Int16Array.from({ length: TICKS_PER_FRAME }, (_, at) =>
  Math.round(8_192 * Math.sin((2 * Math.PI * 1_000 * at) / EAR_RATE)),
);

/** True on the frames of an utterance on which the test card flashes and beeps: each whole second. */
export const isOnTheSecond = (frame: number): boolean => frame % FPS === 0;

/** The test card's beep, to be mixed over the voice of that frame of the utterance: 1,920 samples at 48 kHz, or undefined when there is none. */
export const beepAt = (frame: number): Int16Array | undefined => (isOnTheSecond(frame) ? BEEP : undefined);
