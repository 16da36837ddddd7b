import { areOnly, baseOf, sayingAt } from './words.ts';

type Sayings = Readonly<Record<string, string>>;

/** Sounds a person makes while looking for words. */
const HESITATIONS: Sayings = {
  '': 'um, umm, uhm, uh, uhh, er, erm, eh, ehm, em, ah, hm, hmm, hmmm, mm, mmm, äh, ähm, öh, euh, heu, este, eee, えーと, ええと, あの, 嗯, 呃',
  en: 'like, well, so, you know, i mean, let me see, let me think, how do i say',
  de: 'also, na ja, naja',
  fr: 'ben, bah, alors',
  es: 'pues, bueno, o sea',
};

/** What a listener says without wanting the floor. */
const BACKCHANNELS: Sayings = {
  '': 'mhm, mmhm, mm hm, mm hmm, hm hm, uh huh, aha, ah, oh, ooh, ok, okay, okey, wow, haha, ha, ha ha',
  en:
    'yeah, yep, yup, yes, ya, yea, right, sure, i see, got it, gotcha, all right, alright, of course, exactly, true, really, cool, nice, great, good, fine, ' +
    'very good, very nice, perfect, absolutely, definitely, indeed, interesting, i know, i understand, makes sense, that makes sense, uh oh, go on, oh my',
  de: 'ja, jo, jaja, genau, stimmt, klar, ach so, achso, verstehe, gut, schön, alles klar, richtig, natürlich, echt',
  fr: "oui, ouais, d'accord, je vois, bien sûr, exactement, très bien, bien, voilà, ah bon",
  es: 'sí, si, vale, claro, ya, ajá, entiendo, muy bien, bien, exacto, de acuerdo',
  it: 'sì, si, va bene, certo, capisco, esatto, giusto, bene, ah sì',
  pt: 'sim, tá, está bem, claro, certo, entendi, pois, pois é, isso, exato',
  nl: 'ja, jaja, juist, precies, oké, goed, ik snap het, klopt, zeker',
  ja: 'は い, う ん, う ん う ん, え え, そ う, な る ほ ど, へ え',
  zh: '嗯, 对, 對, 是, 好, 好 的, 哦, 是 的',
};

/** What stops whoever is speaking, and is no question to be answered. */
const COMMANDS: Sayings = {
  '': 'stop, halt, pause',
  en:
    'wait, stop it, stop that, stop talking, stop there, hold on, hang on, hold it, wait a minute, wait a second, wait a moment, wait a sec, just a moment, ' +
    "just a second, one moment, one second, be quiet, quiet, silence, shut up, enough, that's enough, that is enough, shush, hush, never mind, nevermind, cancel",
  de: 'stopp, warte, warte mal, moment, moment mal, einen moment, ruhe, sei still, genug, hör auf',
  fr: 'arrête, arrêtez, attends, attendez, un instant, un moment, tais toi, silence, ça suffit',
  es: 'para, espera, un momento, silencio, basta, cállate',
  it: 'ferma, fermati, aspetta, un momento, un attimo, basta, silenzio, zitto',
  pt: 'pare, para, espera, espere, um momento, silêncio, chega',
  nl: 'wacht, wacht even, stil, genoeg, hou op, even wachten',
  ja: '待 っ て, ち ょ っ と 待 っ て, や め て, ス ト ッ プ',
  zh: '停, 等 一 下, 等 等, 停 下, 别 说 了',
};

/** What may stand beside a command without making it more than one. */
const POLITE: Sayings = {
  '': 'please, ok, okay, no, hey, sorry, bitte, nein, por favor, per favore, alsjeblieft, stp',
  fr: "s'il te plaît, non",
};

const setOf = (language: string, ...lists: readonly Sayings[]): ReadonlySet<string> =>
  new Set(lists.flatMap((list) => [list[''], list[baseOf(language)]].flatMap((sayings) => sayings?.split(', ') ?? [])));

/** What small signs mean in a language: those that take the floor and those that don't. Asked of words, see `wordsOf`. */
export class Signs {
  readonly #hesitations: ReadonlySet<string>;
  readonly #backchannels: ReadonlySet<string>;
  readonly #commands: ReadonlySet<string>;
  readonly #aroundCommands: ReadonlySet<string>;
  /** Sounds rather than words, in any language. */
  readonly #hums = setOf('', HESITATIONS, { '': 'mhm, mmhm, mm hm, mm hmm, hm hm, uh huh, aha, oh, ooh, haha, ha, ha ha' });

  constructor(language: string) {
    this.#hesitations = setOf(language, HESITATIONS);
    this.#backchannels = setOf(language, HESITATIONS, BACKCHANNELS);
    this.#commands = setOf(language, COMMANDS);
    this.#aroundCommands = setOf(language, COMMANDS, POLITE);
  }

  /** "um", "you know": more will come. */
  isHesitation(words: readonly string[]): boolean {
    return areOnly(words, this.#hesitations);
  }

  /** Whether they end with a hesitation. */
  endsHesitating(words: readonly string[]): boolean {
    return words.some((_, at) => sayingAt(words, at, this.#hesitations) === words.length - at);
  }

  /** "mm-hm", "yeah", "I see": said while another speaks, it leaves him the floor. */
  isBackchannel(words: readonly string[]): boolean {
    return areOnly(words, this.#backchannels);
  }

  /** "mm-hm", "um": nothing to answer, unless it is an answer. */
  isHum(words: readonly string[]): boolean {
    return areOnly(words, this.#hums);
  }

  /** "stop", "wait a minute, please". */
  isCommand(words: readonly string[]): boolean {
    return areOnly(words, this.#aroundCommands) && this.commands(words);
  }

  /** Whether a command is among the words. */
  commands(words: readonly string[]): boolean {
    return words.some((_, at) => sayingAt(words, at, this.#commands) > 0);
  }
}
