import { AppError } from '../../domain/errors.ts';
import { isId, type IdPrefix } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { Workload } from '../../domain/workload.ts';
import type { Limits } from '../limits.ts';

/** Claims of their own that a kind adds to the standard ones. */
export type CustomClaims = JsonObject & Readonly<Record<string, string>>;

/** Everything that tells the tokens of one kind of workload from the others. Pure. */
export interface TokenKind<W extends Workload = Workload> {
  readonly kind: W['kind'];
  /** The `terraform_…` claims, in the order in which they appear; feeds discovery and documentation too. */
  readonly claimNames: readonly string[];
  /** How far `nbf` lies before `iat`, seconds: verifiers' clocks may be behind ours. */
  readonly backdateSeconds: number;
  /**
   * The workload's full path. Names are checked again here, since here they are joined.
   *
   * @throws {NameError} `name_invalid`
   * @throws {AppError} `claim_invalid` when the whole is longer than the kind allows
   */
  subject(workload: W): string;
  /** @throws {AppError} `claim_invalid` when an id is not one */
  claims(workload: W): CustomClaims;
  lifetimeSeconds(workload: W, limits: Limits): number;
}

/** Checks an id where it enters a token: it must look like one, whoever made it. */
export function checkedId(prefix: IdPrefix, id: string): string {
  if (isId(prefix, id)) return id;
  throw new AppError('claim_invalid', {
    what: `${quoted(id)} is not an id: it must be "${prefix}-" and 1 to 64 letters and digits`,
    where: 'claims of the token',
    mend: 'mend "ids" in hallpass.yaml, or leave it out: ids are then derived from the names',
  });
}

/** Checks a phase where it enters a subject: types do not hold at run time. */
export function checkedPhase(phase: string): string {
  if (phase === 'plan' || phase === 'apply') return phase;
  throw new AppError('claim_invalid', {
    what: `${quoted(phase)} is not a phase: it must be "plan" or "apply"`,
    where: 'claims of the token',
  });
}
