import { describe, expect, it } from 'vitest';
import { VirtualClock, type Clock } from '#base/clock.ts';
import { demoLlm } from './demo.ts';
import type { Prompt } from './llm.ts';

const CONFIGURED = 'Right now I speak with flite.';
/** 2023-11-14, 22:13 UTC. */
const EPOCH = 1_700_000_000_000;
/** Waiting takes no time on it. */
const hasty: Clock = {
  now: () => 0,
  wall: () => EPOCH,
  at(_at, fire) {
    const soon = setImmediate(fire);
    return () => clearImmediate(soon);
  },
};
const llm = demoLlm({ clock: hasty, describe: () => CONFIGURED });

const asPrompt = (...turns: string[]): Prompt => ({
  system: '',
  language: 'en',
  messages: turns.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content })),
});

const pieces = (...turns: string[]): Promise<string[]> =>
  Array.fromAsync(llm.complete(asPrompt(...turns), new AbortController().signal));
const said = async (...turns: string[]): Promise<string> => (await pieces(...turns)).join('');
const titleOf = (text: string): string => /It is called ([^.]+)\./.exec(text)?.[1] ?? '';
const UNKNOWN = 'No language model is configured';

describe('demoLlm', () => {
  it('streams its reply in small pieces, the first at once', async () => {
    const clock = new VirtualClock();
    const stream = demoLlm({ clock, describe: () => CONFIGURED }).complete(
      asPrompt('Count to three'),
      new AbortController().signal,
    );
    const reader = stream[Symbol.asyncIterator]();
    expect(await reader.next()).toEqual({ done: false, value: 'One,' });
    let later: string | undefined;
    const second = reader.next().then(({ value }) => (later = value as string));
    await clock.advance(0);
    expect(later).toBeUndefined();
    await clock.advance(50);
    expect(await second).toBe(' two,');
    expect((await pieces('Who are you?')).length).toBeGreaterThan(20);
  });

  it('ends quietly when aborted, at once', async () => {
    const abort = new AbortController();
    const heard: string[] = [];
    for await (const piece of llm.complete(asPrompt('Tell me a long story'), abort.signal)) {
      heard.push(piece);
      if (heard.length === 3) abort.abort();
    }
    expect(heard).toHaveLength(3);
    expect(await Array.fromAsync(llm.complete(asPrompt('Hello'), abort.signal))).toEqual([]);
  });

  it.each([
    ['Who are you?', /demo voice of InfiniteTalk RTC.*no language model/],
    ["What's your name?", /demo voice of InfiniteTalk RTC/],
    ['Please introduce yourself', new RegExp(CONFIGURED)],
    ['What is this?', /media server for talking avatars.*WebRTC/],
    ['How does this work?', new RegExp(CONFIGURED)],
    ['What can you do?', /story, count, tell the time.*for example/],
    ['help', /for example/],
    ['How do I configure this server?', /OPENAI_API_KEY or OPENAI_BASE_URL.*ELEVENLABS_API_KEY.*RENDERER.*AUTH_SECRET/],
    ['How do I set up a language model?', /OPENAI_API_KEY.*OPENAI_MODEL/],
    ['Can you use another voice?', /TTS.*ELEVENLABS_API_KEY.*ELEVENLABS_VOICE_ID/],
    ['I want to change your face', /RENDERER.*portrait.*pattern/],
    ['Hello!', /^Hello!.*demo voice/],
    ['hi Nora', /^Hello!/],
    ['How are you?', /no moods/],
    ['Thank you very much!', /welcome/],
    ['Okay, bye for now', /^Goodbye/],
    ['', /did not catch/],
    ['?! 😀', /did not catch/],
  ])('answers "%s"', async (text, answer) => {
    expect(await said(text)).toMatch(answer);
  });

  it('tells the time and the date by its clock', async () => {
    const ask = async (text: string, wallMs: number): Promise<string> => {
      const clock = { ...hasty, wall: () => wallMs };
      return (
        await Array.fromAsync(demoLlm({ clock, describe: () => '' }).complete(asPrompt(text), new AbortController().signal))
      ).join('');
    };
    const zone = new Intl.DateTimeFormat('en', { weekday: 'long', year: 'numeric' }).formatToParts(EPOCH);
    const time = await ask('What time is it?', EPOCH);
    expect(time).toMatch(
      /^By the clock of this server, it is [a-z-]+ (thirteen|twenty-eight|forty-three|fifty-eight) in the [a-z]+\.$/,
    );
    expect(await ask("What is today's date?", EPOCH)).toContain(zone.find(({ type }) => type === 'weekday')?.value);
    expect(await ask('what time is it', EPOCH + 60_000)).not.toBe(time);
  });

  it('tells different stories of a minute or so, and begins again once all are told', async () => {
    const turns: string[] = [];
    const titles: string[] = [];
    for (let asked = 0; asked < 6; asked += 1) {
      turns.push(asked === 0 ? 'Tell me a story.' : 'Another one, please');
      const story = await said(...turns);
      turns.push(story);
      titles.push(titleOf(story));
      const words = story.split(/\s+/).length;
      expect(words).toBeGreaterThan(80);
      expect(words).toBeLessThan(250);
    }
    expect(new Set(titles.slice(0, 5)).size).toBe(5);
    expect(titles[5]).toBe(titles[0]);
    expect(turns.at(-1)).toContain('I tell one again');
  });

  it('tells a long story, and one on the subject asked for', async () => {
    expect((await said('Tell me a long story')).split(/\s+/).length).toBeGreaterThan(500);
    expect(titleOf(await said('A story about a robot, please'))).toMatch(/Robot/);
    expect(await said('What is the story of Hamlet?')).toMatch(/^I know only a few stories of my own/);
  });

  it('takes "another" for a story only after a story', async () => {
    expect(await said('Hello', 'Hello!', 'Another one')).toContain(UNKNOWN);
  });

  it.each([
    'What is the weather like in Paris today?',
    'Hello, who wrote Faust?',
    'Thanks, what is two plus two?',
    'How many countries are there?',
    'Can I count on you?',
    'What time does the train leave?',
    'Is history important?',
  ])('claims no knowledge of "%s", and says what to set', async (text) => {
    const answer = await said(text);
    expect(answer).toMatch(new RegExp(`^${UNKNOWN}.*OPENAI_API_KEY, or OPENAI_BASE_URL`));
    expect(answer).toContain(text.replace(/\?$/, ''));
  });

  it('repeats long and marked-up messages briefly and without signs', async () => {
    const answer = await said(`**Explain** \`rm -rf\` <b>and</b> [this](https://example.org) ${'over and over '.repeat(8_000)}`);
    expect(answer).toContain('and so on');
    expect(answer.length).toBeLessThan(450);
    expect(answer).not.toMatch(/[*`<>[\]()]/);
  });

  it('says the same for the same prompt, without markdown', async () => {
    for (const text of ['Tell me a long story', 'help', 'configure', 'Who are you?', 'Count to forty']) {
      const answer = await said(text);
      expect(await said(text)).toBe(answer);
      expect(answer).not.toMatch(/[*#`\n]/);
    }
  });
});
