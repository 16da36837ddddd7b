const ENGLISH = 'I am sorry, I can not think of an answer right now, please ask me again in a moment.';
/** What the avatar says when its model is down, by language; one sentence each. */
const NO_ANSWER = new Map(
  Object.entries({
    de: 'Entschuldigung, mir fällt gerade keine Antwort ein, bitte frag mich gleich noch einmal.',
    es: 'Lo siento, ahora mismo no puedo pensar en una respuesta, pregúntame de nuevo en un momento.',
    fr: 'Je suis désolé, je ne trouve pas de réponse pour le moment, redemandez-moi dans un instant.',
    it: 'Mi dispiace, in questo momento non riesco a trovare una risposta, chiedimelo di nuovo tra poco.',
    nl: 'Sorry, ik kan nu even geen antwoord bedenken, vraag het me zo nog eens.',
    pl: 'Przepraszam, nie mogę teraz znaleźć odpowiedzi, zapytaj mnie ponownie za chwilę.',
    pt: 'Desculpe, não consigo pensar numa resposta agora, pergunte-me de novo daqui a pouco.',
    tr: 'Üzgünüm, şu anda bir cevap bulamıyorum, lütfen birazdan tekrar sor.',
    ja: '申し訳ありません、今は答えが思いつきません。少し後でもう一度聞いてください。',
    ko: '죄송합니다, 지금은 답이 떠오르지 않으니 잠시 후에 다시 물어봐 주세요.',
    zh: '抱歉，我现在想不出答案，请稍后再问我一次。',
  }),
);

/** When its voice is down; another voice says it, which speaks English only. */
const NO_VOICE = 'I am sorry, my own voice is not available right now, please try again in a moment.';

/** @param language BCP 47; English where the table has no other */
export function apologyFor(part: 'llm' | 'tts', language: string): string {
  if (part === 'tts') return NO_VOICE;
  return NO_ANSWER.get(language.toLowerCase().split('-')[0] ?? '') ?? ENGLISH;
}
