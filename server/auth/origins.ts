export interface Origins {
  /** Origin that clients reach this server under; undefined = the host each request names. */
  readonly publicUrl: string | undefined;
  /** `*` = any. */
  readonly allowedOrigins: readonly string[];
}

const LOOPBACK_NAME = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/** Whether a Host header names this machine for itself. */
export const isLoopbackName = (host: string): boolean => LOOPBACK_NAME.test(host);

/** Our own origin, whatever name (`host`) the client reached us by, or one that configuration allows. */
export function isAllowedOrigin(origin: string, host: string, { publicUrl, allowedOrigins }: Origins): boolean {
  if (allowedOrigins.includes('*') || allowedOrigins.includes(origin) || origin === publicUrl) return true;
  if (!/^https?:\/\/[^/]+$/.test(origin) || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  // Browsers write origins in one way only; what is written otherwise comes from none.
  return url.origin === origin && url.host === host.toLowerCase();
}

/**
 * Whether a request under this name may be answered. Without AUTH_SECRET whoever reaches loopback is trusted with it, and a page elsewhere can
 * give its own name our address (DNS rebinding), so that the browser takes us for its server: only our own names count then.
 */
export function isOwnHost(host: string, { publicUrl }: Origins, guarded: boolean): boolean {
  if (guarded || host === '' || isLoopbackName(host)) return true;
  return publicUrl !== undefined && new URL(publicUrl).host === host.toLowerCase();
}
