/** Safari only lets text in that was promised within the click; Firefox may not know promised items. */
export async function writeClipboard(text: Promise<string>): Promise<void> {
  try {
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text })]);
  } catch {
    await navigator.clipboard.writeText(await text);
  }
}
