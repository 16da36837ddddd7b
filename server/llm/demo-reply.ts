import { count } from './demo-count.ts';
import { hasJustToldOne, tell } from './demo-stories.ts';
import { dateInWords, timeInWords } from './demo-time.ts';
import type { Prompt } from './llm.ts';

interface Facts {
  /** Unix ms. */
  readonly wallMs: number;
  /** One sentence. */
  readonly configured: string;
}

interface Ask extends Facts {
  /** The user's message. */
  readonly text: string;
  /** What was said before it. */
  readonly past: Prompt['messages'];
}

/** An answer, or undefined when the message asks for something else. The first that answers counts. */
type Intent = (ask: Ask) => string | undefined;

const when =
  (pattern: RegExp, answer: (ask: Ask) => string): Intent =>
  (ask) =>
    pattern.test(ask.text) ? answer(ask) : undefined;

/** A message of just these words; `words` is the source of a pattern, with one space between words. */
function whole(words: string): RegExp {
  return new RegExp(String.raw`^\W*(?:${words.replaceAll(' ', String.raw`\W+`)})\W*$`, 'i');
}

/** Of a message, characters: no question that is answered here is longer, and patterns stay quick. */
const MOST_READ = 500;
const WHO = 'I am the demo voice of InfiniteTalk RTC.';
const CAN = 'I can tell a story, count, tell the time, and explain this server and how to configure it.';
const MODEL =
  'This version has no connection to one yet; OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own, is reserved for it.';
const HELP = `${CAN} Say, for example: count from one to seven, tell me a long story, or what time is it. You can interrupt me at any time.`;

const INTENTS: readonly Intent[] = [
  when(/^[^\p{L}\p{N}]*$/u, () => `I did not catch any words. ${CAN}`),
  ({ text }) => count(text),
  when(/\b(?:story|stories|tale|fairy ?tale)\b/i, ({ text, past }) => tell(text, past)),
  ({ text, past }) =>
    /^(?:please |tell me |and )*(?:another|one more|more|again|next)\b/i.test(text) && hasJustToldOne(past)
      ? tell(text, past)
      : undefined,
  when(
    /\b(?:time is it|what(?:'s|’s| is) the time|tell (?:me )?the time|current time|got the time)\b/i,
    ({ wallMs }) => `By the clock of this server, it is ${timeInWords(wallMs)}.`,
  ),
  when(
    /\b(?:(?:what|which) (?:day|date|year|month)\b.*\b(?:is it|today|now|have)|what(?:'s|’s| is) the (?:date|day)|today(?:'s|’s) date|what(?:'s|’s| is) today)/i,
    ({ wallMs }) => `By the clock of this server, today is ${dateInWords(wallMs)}.`,
  ),
  when(/\b(?:configur\w*|set ?up|settings?|environment variables?|openai|open ai|eleven ?labs|api keys?)\b/i, configure),
  when(
    /\b(?:use|change|choose|switch|connect|add|need|want|get)\b.*\b(?:language model|llm|gpt|voices?|face|renderer|avatar)\b/i,
    configure,
  ),
  when(
    /\bwhat(?:'s|’s| is) (?:this|infinite ?talk)|\bhow (?:does|do) (?:this|it|you) work\b|\b(?:about|explain|describe) (?:this|the) (?:server|page|project|demo)\b/i,
    ({ configured }) =>
      'This is InfiniteTalk RTC, a media server for talking avatars. It turns text into speech, speech into a moving face, and sends both to your browser while they are being made. ' +
      `Viewers watch over WebRTC, or over HLS where that is not possible. ${configured}`,
  ),
  when(
    /\bwho (?:are|r) (?:you|u)\b|\byour name\b|\bintroduce yourself\b|\bwhat are you\b|\babout yourself\b/i,
    ({ configured }) => `${WHO} There is no language model behind me, only a few prepared answers. ${CAN} ${configured}`,
  ),
  when(/\bwhat (?:can|do) you (?:do|know|say)\b|\bwhat (?:can|should|could) i (?:ask|say|do|try)\b/i, () => HELP),
  // Small talk must be the whole message: "hello" is a greeting, "hello, who wrote Faust?" is a question.
  when(whole('(?:can you |please )?(?:help|commands|options)(?: me)?(?: please)?'), () => HELP),
  when(
    whole("(?:how are you|how(?:'s|’s| is) it going)(?: doing)?(?: today)?"),
    () => 'I run well, thank you. I am a small program, so I have no moods. What would you like to hear?',
  ),
  when(
    whole(
      '(?:ok(?:ay)? |great |wow )?(?:thanks?|thank you|cheers)(?: (?:so|very|much|a lot|again|for (?:that|the story|your help)))*',
    ),
    () => 'You are welcome. Ask me for a story, if you like.',
  ),
  when(
    whole(
      '(?:ok(?:ay)? |well )?(?:good ?bye|bye(?: bye)?|see you|good night|farewell)(?: (?:now|then|for now|later|soon|tomorrow|everyone))*',
    ),
    () => 'Goodbye. It was nice to talk to you.',
  ),
  when(
    whole(
      '(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening|day))(?: (?:there|again|everyone|to you|my friend|how are you))*(?: [a-z]+)?',
    ),
    () => `Hello! Nice to see you. ${WHO} ${CAN}`,
  ),
];

/** What the demo says to the last of `messages`, as plain English sentences. */
export function reply(messages: Prompt['messages'], facts: Facts): string {
  const ask: Ask = { ...facts, text: (messages.at(-1)?.content ?? '').trim().slice(0, MOST_READ), past: messages.slice(0, -1) };
  for (const intent of INTENTS) {
    const answer = intent(ask);
    if (answer !== undefined) return answer;
  }
  return unknown(ask.text);
}

function unknown(text: string): string {
  const language = /[a-z0-9]/i.test(text) ? '' : ' I speak English only.';
  return `No language model is configured, so I can't answer that.${language} I understood: ${echo(text)}. ${MODEL} Until then, ${CAN}`;
}

function configure({ text, configured }: Ask): string {
  if (/\bvoices?\b|\beleven ?labs\b|\btts\b/i.test(text)) {
    return 'My voice is chosen by the variable TTS. Without anything, it is flite, which speaks English offline, and this version has no other yet. ELEVENLABS_API_KEY and ELEVENLABS_VOICE_ID are reserved for it.';
  }
  if (/\bface|\brenderer\b|\bavatar\b/i.test(text)) {
    return 'My face is drawn by the renderer, which the variable RENDERER chooses. It is portrait for a face like mine, or pattern for the test card.';
  }
  if (/\bmodel\b|\bllm\b|\bgpt\b|\bopen ?ai\b/i.test(text)) {
    return `A language model will be chosen by environment variables. ${MODEL} So is OPENAI_MODEL.`;
  }
  return (
    `This server is configured by environment variables, and needs none of them. ${configured} ` +
    'Reserved for language models are OPENAI_API_KEY or OPENAI_BASE_URL, and for other voices ELEVENLABS_API_KEY; this version has neither yet. RENDERER chooses the face. ' +
    'HOST and PORT say where the server listens, and AUTH_SECRET is needed before it may listen beyond this computer. The command npm run doctor shows what is missing.'
  );
}

/** The beginning of what was said, without signs that would be read aloud. */
function echo(text: string): string {
  const words = text
    .replace(/[^\p{L}\p{M}\p{N}'’ .,-]+/gu, ' ')
    .trim()
    .split(/\s+/);
  const most = words.slice(0, 12).join(' ').slice(0, 100);
  return words.length > 12 ? `${most}, and so on` : most.replace(/[\s.,-]+$/, '');
}
