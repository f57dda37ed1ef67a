import { join } from 'node:path';
import { exchangeRefused } from '../../audit/event-members.ts';
import type { CredentialRequest, PlatformIo, Refusal } from '../../domain/credential.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Claims, IdentityToken } from '../../domain/token.ts';
import { sessionNameOf, type Phase } from '../../domain/workload.ts';
import { isAllowed, placeVariables } from '../../environment/allow-list.ts';
import { fetchWithCa } from '../../platforms/fetch-with-ca.ts';
import type { CliContext } from '../context.ts';
import { requestsOf } from '../exec/run.ts';
import type { OpenWorkload } from '../open-workload.ts';

/** What a platform said to a token of this phase. */
export interface ExchangeResult {
  readonly platform: string;
  readonly tag: string | null;
  readonly audience: string;
  readonly offered: string | null;
  /** `not_asked`: nothing says where the platform is. `not_tried`: a manual token; Hallpass does not know who takes it. */
  readonly state: 'accepted' | 'refused' | 'unreachable' | 'not_asked' | 'not_tried';
  readonly claims: Claims;
  readonly refusal: Refusal | null;
}

/** A token for a question only. */
const lifetimeSeconds = 60;

/** The claims of a token as this phase would send it; the token itself goes nowhere. */
export async function claimsForQuestion(open: OpenWorkload, lease: Lease, request: CredentialRequest): Promise<Claims> {
  return (await mintForQuestion(open, lease, request)).claims;
}

async function mintForQuestion(open: OpenWorkload, lease: Lease, request: CredentialRequest): Promise<IdentityToken> {
  const { platform, tag, audience, offered } = request;
  return open.issuer.mint({ lease, audience, purpose: { platform, tag, offered }, lifetimeSeconds });
}

/** Tries each configuration's exchange once, as the command of this phase would; what comes back is thrown away. */
export async function tryExchanges(
  context: CliContext,
  open: OpenWorkload,
  phase: Phase,
  platform: string | null,
): Promise<readonly ExchangeResult[]> {
  const lease = open.leaseFor(phase);
  const requests = requestsOf(open, phase).filter((request) => platform === null || request.platform === platform);
  return Promise.all(requests.map((request) => tryExchange(context, open, { lease, request })));
}

async function tryExchange(
  context: CliContext,
  open: OpenWorkload,
  { lease, request }: { lease: Lease; request: CredentialRequest },
): Promise<ExchangeResult> {
  const { platform, tag, audience, offered } = request;
  const token = await mintForQuestion(open, lease, request);
  const about = { platform, tag, audience, offered, claims: token.claims };
  if (request.explain === undefined) return { ...about, state: 'not_tried', refusal: null };
  const seen = watchedCalls();
  const refusal = await request.explain(token, {
    ...platformIo(context, open, lease),
    fetch: seen.watch(context.fetch),
    fetchTrusting: (ca) => seen.watch(fetchWithCa(ca)),
  });
  if (refusal === null) return { ...about, state: seen.state(), refusal: null };
  await open.audit.append(exchangeRefused(refusal, lease, token));
  return { ...about, state: 'refused', refusal };
}

function platformIo(context: CliContext, open: OpenWorkload, lease: Lease): Omit<PlatformIo, 'fetch'> {
  const { parentEnvironment } = context.settings;
  const passed = Object.entries(parentEnvironment).filter(([name]) => isAllowed(name, false));
  return {
    now: context.now,
    // Nothing is written in a question.
    directory: join('/nonexistent', lease.id),
    sessionName: sessionNameOf(lease.workload),
    environment: { ...Object.fromEntries(passed), ...placeVariables(open.workload.childVariables) },
  };
}

/** Tells an accepted token from a platform that could not be asked: `explain` says null to both. */
function watchedCalls(): {
  watch: (fetcher: typeof fetch) => typeof fetch;
  state: () => 'accepted' | 'unreachable' | 'not_asked';
} {
  let state: 'accepted' | 'unreachable' | 'not_asked' = 'not_asked';
  return {
    watch: (fetcher) => async (input, init) => {
      state = 'unreachable';
      const response = await fetcher(input, init);
      state = response.status < 400 ? 'accepted' : 'unreachable';
      return response;
    },
    state: () => state,
  };
}
