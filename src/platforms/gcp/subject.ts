import type { IdentityToken } from '../../domain/token.ts';

/** The longest `google.subject`, in bytes of UTF-8. */
export const longestSubject = 127;

/** Whether the token's `sub` is more than Google takes as `google.subject`. It may be mapped to something else. */
export function isLongSubject(token: IdentityToken): boolean {
  return subjectBytes(token) > longestSubject;
}

/** Bytes of `sub` in UTF-8. */
export function subjectBytes({ claims }: IdentityToken): number {
  return Buffer.byteLength(claims.sub);
}
