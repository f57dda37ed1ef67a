import { readFileSync } from 'node:fs';
import type { Lease } from '../../src/domain/lease.ts';
import type { MintRequest } from '../../src/domain/token.ts';
import type { Phase, Workload } from '../../src/domain/workload.ts';

/** A clock that stands still until a test moves it. */
export interface TestClock {
  readonly now: () => Date;
  seconds(): number;
  set(iso: string): void;
  /** Moves it; backwards with a negative number. */
  advance(seconds: number): void;
}

export function testClock(iso = '2026-03-01T12:00:00Z'): TestClock {
  let milliseconds = Date.parse(iso);
  return {
    now: () => new Date(milliseconds),
    seconds: () => Math.floor(milliseconds / 1000),
    set: (moment) => {
      milliseconds = Date.parse(moment);
    },
    advance: (seconds) => {
      milliseconds += seconds * 1000;
    },
  };
}

/** A run of workspace payments-prod in project payments of acme. */
export function testWorkload(phase: Phase = 'plan'): Extract<Workload, { kind: 'workspace_run' }> {
  return {
    kind: 'workspace_run',
    organization: { id: 'org-1111111111111111', name: 'acme' },
    project: { id: 'prj-1111111111111111', name: 'payments' },
    workspace: { id: 'ws-1111111111111111', name: 'payments-prod' },
    runId: 'run-1111111111111111',
    phase,
  };
}

export function testLease(workload: Workload = testWorkload()): Lease {
  return { id: 'lease-1111111111111111', actor: { name: 'tester', source: 'operating_system' }, workload };
}

export function mintRequest(change: Partial<MintRequest> = {}): MintRequest {
  return {
    lease: testLease(),
    audience: 'aws.workload.identity',
    purpose: { platform: 'aws', tag: null, offered: 'arn:aws:iam::111122223333:role/payments-plan' },
    ...change,
  };
}

/** Reads a file of `test/vectors/`. */
export function vectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
}

/** Where an issuer of a test keeps its things: a data directory, and a key-encryption key outside of it. */
export function issuerPlace(directory: string) {
  return { dataDirectory: `${directory}/data`, keyEncryptionKeyFile: `${directory}/config/kek` };
}
