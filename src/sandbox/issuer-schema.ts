import { z } from 'zod';
import { isLoopbackIssuer } from '../identity/issuer-url.ts';

/** https anywhere; http only where nobody else can listen in. */
export function mayBeFetched(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackIssuer(text));
}

/** URL of an issuer that a stand-in trusts, exactly as `iss` in its tokens. */
export const issuerUrl = z
  .string()
  .min(8)
  .max(255)
  .refine(mayBeFetched, 'must be an https URL (http only on loopback), exactly as iss in the tokens')
  .refine((url) => !/[?#@]/.test(url), 'may have no query, fragment or user name');

/** Where an issuer's documents are really read; only the place differs, what they say stays the same. */
export const fetchFrom = z
  .string()
  .refine(mayBeFetched, 'must be an https URL (http only on loopback)')
  .optional()
  .describe('where discovery and keys are really fetched, when url cannot be reached from here');
