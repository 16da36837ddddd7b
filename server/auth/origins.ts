export interface Origins {
  /** Origin that clients reach this server under; undefined = the host each request names. */
  readonly publicUrl: string | undefined;
  /** `*` = any. */
  readonly allowedOrigins: readonly string[];
}

/** Our own origin, whatever name (`host`) the client reached us by, or one that configuration allows. */
export function isAllowedOrigin(origin: string, host: string, { publicUrl, allowedOrigins }: Origins): boolean {
  if (allowedOrigins.includes('*') || allowedOrigins.includes(origin) || origin === publicUrl) return true;
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
