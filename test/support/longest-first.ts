import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes long, longest first. On a fresh clone nobody has measured anything, and what begins last should end soon. */
const LONG = [
  'test/e2e/hls',
  'test/e2e/loss',
  'test/e2e/leaks',
  'test/e2e/remote',
  'test/e2e/avatars',
  'test/e2e/deaths',
  'test/e2e/voice',
  'test/e2e/conversation',
  'test/e2e/network',
  'client/app/page',
  'test/e2e/slow-renderer',
  'test/e2e/microphone',
  'test/e2e/full-disk',
  'test/e2e/remote-avatars',
  'test/e2e/providers',
  'test/e2e/viewers',
  'test/e2e/restart',
  'test/e2e/captions',
  'test/e2e/whep',
  'test/e2e/secrets',
  'test/remote-speech',
  'server/render/remote',
  'server/stt/openai',
  'test/seams',
  'test/slow-renderer',
  'server/avatars/avatars',
].map((name) => `/${name}.test.ts`);

/** Vitest's order, with the long files before all others of their project. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b));
  }
}

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONG.findIndex((name) => moduleId.endsWith(name));
  return rank < 0 ? LONG.length : rank;
}
