import { describe, expect, it } from 'vitest';
import { scriptOf } from './script.ts';
import { speakable } from './speakable.ts';

const script = (text: string, language = 'en') => scriptOf(text, speakable(text, language), language);
const pairs = (text: string, language?: string): string[] => {
  const { written, spoken } = script(text, language);
  return spoken.map(({ text: said, of }) => `${written[of] ?? ''}=${said}`);
};

describe('script', () => {
  it('knows which written word each spoken one belongs to', () => {
    expect(pairs('Well, it’s **very** warm today.')).toEqual([
      'Well,=Well,',
      'it’s=it’s',
      '**very**=very',
      'warm=warm',
      'today.=today.',
    ]);
    expect(pairs('It was 5% more')).toEqual(['It=It', 'was=was', '5%=5', '5%=percent', 'more=more']);
    expect(pairs('see www.example.com now')).toEqual([
      'see=see',
      'www.example.com=example',
      'www.example.com=dot',
      'www.example.com=com',
      'now=now',
    ]);
  });

  it('does not lose its way where something is said otherwise than word by word', () => {
    expect(pairs('At 20 °C water is cold').at(-1)).toBe('cold=cold');
    expect(pairs('Read [this long page](https://example.com/page) first').at(-1)).toBe('first=first');
  });

  it('keeps words as they are written, and takes them from a dictionary where there are no spaces', () => {
    expect(script('“Oh!” 🌦️ she – said').written).toEqual(['“Oh!”', 'she', 'said']);
    const { written, spoken } = script('今天天气很好。', 'zh');
    expect(written.join('')).toBe('今天天气很好。');
    expect(written.length).toBeGreaterThan(1);
    expect(spoken.map(({ of }) => of)).toEqual(written.map((_, at) => at));
  });
});
