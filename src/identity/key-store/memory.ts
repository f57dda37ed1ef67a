import type { webcrypto } from 'node:crypto';
import type { KeyRing } from '../key-ring.ts';
import { generateKey, importSigningKey, type NewKey } from '../signer.ts';
import type { KeyStore, StoredRing } from './key-store.ts';

/** Keys that end with the process: for the demo and tests. */
export function memoryKeyStore(): KeyStore {
  const made = new Map<string, NewKey>();
  const ready = new Map<string, Promise<webcrypto.CryptoKey>>();
  let stored: StoredRing | null = null;
  let last: Promise<unknown> = Promise.resolve();

  const makeKey = async (): Promise<string> => {
    const key = await generateKey();
    made.set(key.publicJwk.kid, key);
    return key.publicJwk.kid;
  };
  const keep = (ring: KeyRing): StoredRing => {
    const kept = new Set(ring.keys.map((key) => key.kid));
    for (const kid of [...made.keys()].filter((candidate) => !kept.has(candidate))) {
      made.delete(kid);
      ready.delete(kid);
    }
    return { ring, publicJwks: new Map([...made].map(([kid, key]) => [kid, key.publicJwk])) };
  };

  return {
    read: async () => stored,
    change: (step) => {
      const mine = last.then(async () => {
        const { ring, beforeWrite } = await step(stored?.ring ?? null, makeKey);
        if (stored !== null && ring === stored.ring) return stored;
        await beforeWrite?.();
        return (stored = keep(ring));
      });
      last = mine.catch(() => undefined);
      return mine;
    },
    signingKey: (kid) => {
      const privateJwk = made.get(kid)?.privateJwk;
      if (privateJwk === undefined) return Promise.resolve(null);
      const key = ready.get(kid) ?? importSigningKey(privateJwk);
      ready.set(kid, key);
      return key;
    },
  };
}
