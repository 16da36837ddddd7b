import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const playing = () => (document.querySelector('video')?.currentTime ?? 0) > 0.2;

describe('the policy that the page is served with', () => {
  let host: Server;
  let stranger: Server;
  let server: RunningServer;
  let browser: Browser;
  let framed = '';

  beforeAll(async () => {
    [host, stranger] = [await elsewhere(() => framed), await elsewhere(() => framed)];
    server = await startServer({ RENDERER: 'pattern', ALLOWED_ORIGINS: originOf(host) });
    browser = await launchBrowser({ viewport: SMALL });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await server.stop();
    for (const each of [host, stranger]) each.close();
  });

  /** A page, and what its policy has kept from it. */
  const visit = async (url: string): Promise<{ page: Page; violations: () => Promise<string[]> }> => {
    const page = await browser.context.newPage();
    await page.addInitScript(() => {
      const seen: string[] = [];
      Object.assign(window, { violations: seen });
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        seen.push(`${violatedDirective} ${blockedURI}`),
      );
    });
    await page.goto(url);
    return { page, violations: () => page.evaluate(() => (window as unknown as { violations: string[] }).violations) };
  };

  it('lets it play over WebRTC and over HLS, and lets the documents be read', { timeout: 90_000 }, async () => {
    const session = await server.createSession({});
    for (const url of [session.urls.page, `${session.urls.page}&transport=hls`]) {
      const { page, violations } = await visit(url);
      await page.waitForFunction(playing, undefined, { timeout: 30_000 });
      expect(await violations(), url).toEqual([]);
      await page.close();
    }
    const { page, violations } = await visit(`${server.url}/docs/`);
    await page.getByText('Create a session').first().waitFor({ timeout: 20_000 });
    expect(await violations()).toEqual([]);
    await page.close();
  });

  it('keeps scripts and connections of others out', { timeout: 30_000 }, async () => {
    const { page, violations } = await visit(`${server.url}/?session=x&token=y`);
    await page.evaluate(async (other) => {
      const script = document.createElement('script');
      script.textContent = 'window.stolen = true';
      document.body.append(script);
      await fetch(other, { mode: 'no-cors' }).catch(() => undefined);
    }, originOf(stranger));
    expect(await page.evaluate(() => 'stolen' in window)).toBe(false);
    await expect
      .poll(violations)
      .toEqual([
        expect.stringMatching(/^script-src-elem inline/) as string,
        expect.stringMatching(/^connect-src http/) as string,
      ]);
    await page.close();
  });

  it('lets allowed origins embed it, and nobody else', { timeout: 60_000 }, async () => {
    framed = (await server.createSession({})).urls.page;
    const inside = async (embedder: Server): Promise<number> => {
      const { page } = await visit(originOf(embedder));
      await page.waitForLoadState('networkidle').catch(() => undefined);
      const count = await page.frameLocator('iframe').locator('video').count();
      await page.close();
      return count;
    };
    expect(await inside(stranger)).toBe(0);
    await expect.poll(() => inside(host), { timeout: 30_000 }).toBe(1);
  });
});

const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** Somebody's page that frames what `framed` says. */
async function elsewhere(framed: () => string): Promise<Server> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><iframe src="${framed().replaceAll('&', '&amp;')}"></iframe>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
