import type { FastifyHelmetOptions } from '@fastify/helmet';
import type { Origins } from '#server/auth/origins.ts';

/** What browsers may do with our answers. Nothing inline runs, nothing is loaded from or sent to elsewhere, and only allowed origins embed the page. */
export function headersOf({ publicUrl, allowedOrigins }: Origins): FastifyHelmetOptions {
  const secure = publicUrl?.startsWith('https://') === true;
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        fontSrc: ["'self'"],
        manifestSrc: ["'self'"],
        connectSrc: ["'self'", ...(publicUrl === undefined ? [] : [publicUrl, publicUrl.replace(/^http/, 'ws')])],
        // hls.js plays from a blob and works in a blob worker.
        mediaSrc: ["'self'", 'blob:'],
        workerSrc: ["'self'", 'blob:'],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'self'", ...allowedOrigins],
      },
    },
    // It knows no origins, and where it contradicts frame-ancestors older browsers would believe it.
    xFrameOptions: allowedOrigins.length > 0 ? false : { action: 'sameorigin' },
    // Said under TLS only: for plain HTTP it means nothing, and it would bind what else runs under this name.
    strictTransportSecurity: secure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
  };
}
