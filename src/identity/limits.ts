/** How long tokens live by default: as long as what they are for may run. Seconds. */
export interface Limits {
  readonly planSeconds: number;
  readonly applySeconds: number;
  readonly moduleTestSeconds: number;
}

/** HCP Terraform's own: plan 2 h, apply 24 h, module test 10 min. */
export const defaultLimits: Limits = Object.freeze({
  planSeconds: 7200,
  applySeconds: 86_400,
  moduleTestSeconds: 600,
});

/** No token lives longer, whatever the limits say: Azure refuses more than 25 h. */
export const longestTokenSeconds = 86_400;

/** Below this a token may expire before the exchange is done. */
export const shortestTokenSeconds = 10;
