/** Every error code the outside can see, with its HTTP status. Adding one is free; changing one needs a changelog line. */
export const ERRORS = {
  bad_request: 400,
  invalid_sdp: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  session_not_found: 404,
  avatar_not_found: 404,
  conflict: 409,
  avatar_not_ready: 409,
  session_closed: 410,
  precondition_failed: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  precondition_required: 428,
  too_many_sessions: 429,
  too_many_avatars: 429,
  too_many_viewers: 429,
  too_many_prompts: 429,
  rate_limited: 429,
  internal: 500,
  provider_failed: 502,
  render_failed: 502,
  bus_failed: 503,
  not_ready: 503,
  hls_unavailable: 503,
  storage_failed: 507,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERRORS;

export const statusOf = (code: ErrorCode): number => ERRORS[code];
