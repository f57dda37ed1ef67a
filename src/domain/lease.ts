import type { Workload } from './workload.ts';

/** Who asked. `source` says who vouches for the name. */
export interface Actor {
  readonly name: string;
  readonly source: 'operating_system' | 'server' | 'pipeline';
}

/** The right of one runner to act as one phase of one workload; tokens are minted only under a live lease. */
export interface Lease {
  readonly id: string;
  readonly workload: Workload;
  readonly actor: Actor;
}
