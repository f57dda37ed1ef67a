import { fetchDocuments, type Finding } from './fetch-documents.ts';
import type { PublicJwk } from './jwk.ts';
import { holdsOwnKey, type ReadKeySet } from './key-set.ts';
import { platformViews, type PlatformView } from './platform-views.ts';

/** What became of looking at an issuer from outside. */
export interface IssuerCheck {
  readonly url: string;
  /** No error among the findings. */
  readonly passed: boolean;
  readonly findings: readonly Finding[];
  /** All keys that were seen there. */
  readonly kids: readonly string[];
  /** Those of ours among them, unchanged. */
  readonly ownKids: readonly string[];
  readonly platforms: readonly PlatformView[];
}

/**
 * Looks at an issuer as a platform would, and holds what is there against what should be.
 *
 * @param own the keys that must be published, and no others; null when this machine does not know them
 */
export async function checkIssuer(
  url: string,
  own: readonly PublicJwk[] | null,
  fetcher: typeof fetch,
): Promise<IssuerCheck> {
  const { findings, keySet } = await fetchDocuments(url, fetcher);
  const compared = keySet && own ? compare(keySet, own) : [];
  const unknown: Finding[] = own
    ? []
    : [{ severity: 'warning', what: `this data directory has no keys for ${url}; only the form was checked` }];
  const all = [...findings, ...compared, ...unknown];
  return {
    url,
    passed: keySet !== null && all.every((finding) => finding.severity !== 'error'),
    findings: all,
    kids: keySet?.keys.map((key) => key.kid) ?? [],
    ownKids: keySet && own ? own.filter((key) => holdsOwnKey(keySet, key)).map((key) => key.kid) : [],
    platforms: platformViews(url),
  };
}

function compare(set: ReadKeySet, own: readonly PublicJwk[]): readonly Finding[] {
  const missing = own.filter((key) => !holdsOwnKey(set, key));
  const foreign = set.keys.filter((key) => !own.some((ours) => ours.kid === key.kid));
  return [
    ...missing.map(({ kid }): Finding => ({
      severity: 'error',
      what: `our key ${kid} is not published there`,
      mend: 'publish it: hallpass issuer export DIR, then upload',
    })),
    ...foreign.map(({ kid }): Finding => ({
      severity: 'error',
      what: `the key ${kid} is published there and is not ours: whoever has it can be any workspace`,
      mend: `take it out: hallpass issuer withdraw ${kid} DIR, then upload`,
    })),
  ];
}
