const ONES = [
  ...['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve', 'thirteen'],
  ...['fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen'],
];
const TENS = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];

/** An integer between −999,999 and 999,999 as English says it. */
export function inWords(n: number): string {
  if (n < 0) return `minus ${inWords(-n)}`;
  if (n < 20) return ONES[n] ?? '';
  if (n < 100) return joined(TENS[Math.floor(n / 10)] ?? '', n % 10, '-');
  if (n < 1_000) return joined(`${inWords(Math.floor(n / 100))} hundred`, n % 100, ' and ');
  return joined(`${inWords(Math.floor(n / 1_000))} thousand`, n % 1_000, n % 1_000 < 100 ? ' and ' : ' ');
}

const joined = (words: string, rest: number, by: string): string => (rest === 0 ? words : words + by + inWords(rest));

/** The integers in an English text, in digits or words ("-3", "1,000", "twenty-one", "two hundred and five", "tens"), in order. */
export function numbersIn(text: string): number[] {
  const found: number[] = [];
  let current: number | undefined;
  let negative = false;
  const close = (): void => {
    if (current !== undefined) found.push(negative ? -current : current);
    [current, negative] = [undefined, false];
  };
  for (const [word] of text.toLowerCase().matchAll(/(?<![\d.])-?\d[\d,]*|[a-z]+|[,;.]/g)) {
    const value = valueOf(word);
    if (/\d/.test(word)) {
      const sign = current === undefined && negative ? -1 : 1;
      close();
      negative = false;
      found.push(sign * Number(word.replaceAll(',', '')));
    } else if (value !== undefined) {
      if (current !== undefined && !fits(current, value)) close();
      current = (current ?? 0) + value;
    } else if (word === 'hundred') current = (current ?? 0) + (current ? (current % 1_000) * 99 : 100);
    else if (word === 'thousand') current = (current ?? 1) * 1_000;
    else if (word === 'million') current = (current ?? 1) * 1_000_000;
    else if (word === 'and' && current !== undefined && current % 100 === 0) continue;
    else {
      close();
      negative = word === 'minus' || word === 'negative';
    }
  }
  close();
  return found;
}

function valueOf(word: string): number | undefined {
  const singular = word.replace(/ies$/, 'y').replace(/(?<=six)es$|(?<!s)s$/, '');
  for (const name of [word, singular]) {
    if (ONES.includes(name)) return ONES.indexOf(name);
    if (name && TENS.includes(name)) return TENS.indexOf(name) * 10;
  }
  return undefined;
}

/** Whether `value` goes on the number said so far: "twenty" with "one", "two hundred" with "fifty". */
const fits = (current: number, value: number): boolean =>
  (current % 100 === 0 && current > 0) || (current % 100 >= 20 && current % 10 === 0 && value > 0 && value < 10);
