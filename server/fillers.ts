/** What somebody says who thinks, by language: short, and a promise of nothing. Several each, so that none is heard twice in a row. */
const FILLERS = new Map(
  Object.entries({
    en: ['Hm, let me see.', 'Let me think.', 'One moment.'],
    de: ['Hm, mal sehen.', 'Lass mich überlegen.', 'Einen Moment.'],
    es: ['A ver.', 'Déjame pensar.', 'Un momento.'],
    fr: ['Voyons.', 'Laissez-moi réfléchir.', 'Un instant.'],
    it: ['Vediamo.', 'Fammi pensare.', 'Un momento.'],
    nl: ['Hm, even kijken.', 'Even denken.', 'Een ogenblik.'],
    pl: ['Zobaczmy.', 'Niech pomyślę.', 'Chwileczkę.'],
    pt: ['Vamos ver.', 'Deixe-me pensar.', 'Um momento.'],
    tr: ['Bir bakayım.', 'Bir düşüneyim.', 'Bir saniye.'],
    ja: ['そうですね。', '少し考えさせてください。', '少々お待ちください。'],
    ko: ['어디 봅시다.', '잠깐 생각해 볼게요.', '잠시만요.'],
    zh: ['让我看看。', '让我想想。', '请稍等。'],
  }),
);

/** @param language BCP 47; none where nobody has written any, since a wrong language is worse than silence */
export const fillersIn = (language: string): readonly string[] => FILLERS.get(language.toLowerCase().split('-')[0] ?? '') ?? [];

/** The one after that; each follows another, in turn. */
export function nextFiller(fillers: readonly string[], last: string | undefined): string | undefined {
  return fillers[(fillers.indexOf(last ?? '') + 1) % fillers.length];
}
