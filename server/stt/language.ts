/** The two letters (ISO 639-1) of a BCP 47 language, as recognisers want it; undefined where it has none. */
export function languageCode(language: string): string | undefined {
  const [code = ''] = language.toLowerCase().split('-');
  return /^[a-z]{2}$/.test(code) ? code : undefined;
}
