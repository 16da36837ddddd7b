import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Avatars } from '#server/avatars/avatars.ts';
import type { Engine } from '#server/avatars/build.ts';
import type { ExpressionReels } from '#server/avatars/expression-reels.ts';
import type { Face } from '#server/avatars/face.ts';
import type { Phrases } from '#server/avatars/phrases.ts';
import type { Patience } from '#server/listening/act.ts';
import type { Vad } from '#server/listening/vad.ts';
import type { Llm } from '#server/llm/llm.ts';
import type { Sfu } from '#server/media/sfu.ts';
import type { Preference } from '#server/media/start-rule.ts';
import type { Renderer } from '#server/render/renderer.ts';
import type { Stt } from '#server/stt/stt.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Spending } from '#server/telemetry/spending.ts';
import type { Tts } from '#server/tts/tts.ts';

/** What all sessions of a server share. */
export interface Foundation {
  readonly sfu: Sfu;
  readonly renderer: Renderer;
  readonly avatars: Avatars;
  /** What shows a face here. */
  readonly engineOf: (face: Face) => Engine;
  readonly phrases: Phrases;
  /** How faces listen and think; undefined where the renderer draws none, or they shall not. */
  readonly expressions: ExpressionReels | undefined;
  readonly llm: Llm;
  readonly tts: Tts;
  readonly stt: Stt;
  /** Tells speech in microphones from all else. */
  readonly vad: Vad;
  /** With hosts who pause. */
  readonly patience: Patience;
  /** The embedded voice, which speaks where the other can't. */
  readonly flite: Tts;
  readonly spending: Spending;
  /** Tokens of a conversation that the model is given with a prompt. */
  readonly historyTokens: number;
  /** Avatars say a word while they think. */
  readonly fills: boolean;
  /** Per session. */
  readonly maxViewers: number;
  readonly prefer: Preference;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}
