import type { CredentialSet, PlatformIo } from '../../domain/credential.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError, type Problem } from '../../domain/errors.ts';
import { isJsonObject } from '../../domain/json.ts';
import type { IdentityToken } from '../../domain/token.ts';
import type { VaultConfiguration } from './configure.ts';
import { isLease, type VaultLogin } from './exchange.ts';
import { callWithRetries, passes } from './http.ts';
import { renderVault } from './render.ts';
import { isDead, isPolicyDenial, revocationOf, words } from './revoke.ts';

/** A token in use. */
interface Held {
  readonly configuration: VaultConfiguration;
  readonly login: VaultLogin;
  readonly io: PlatformIo;
  /** When the phase is over at the latest. */
  readonly phaseEnd: Date;
  /** When the token ends, unless it is renewed; null: never. */
  readonly end: Date | null;
}

/** The end of a phase and of a lease are reckoned by two clocks, one after the other. */
const slackSeconds = 60;

/**
 * A login → a credential set that keeps its token alive: renewed at half of the lease, ended by its revocation.
 *
 * @param token the identity token of the login, which lives as long as the phase may take
 * @throws {AppError} `exchange_refused` when the token can neither be renewed nor last for the phase
 */
export function heldSet(
  configuration: VaultConfiguration,
  login: VaultLogin,
  token: IdentityToken,
  io: PlatformIo,
): CredentialSet {
  const start = io.now();
  const held = { configuration, login, io, phaseEnd: token.expiresAt, end: after(start, login.leaseSeconds) };
  const set = setOf(held, firstWarnings(held));
  if (held.end === null) return set;
  if (login.isRenewable) return renewedFrom(held, set, start);
  if (held.end.getTime() + slackSeconds * 1000 >= held.phaseEnd.getTime()) return set;
  throw tooShort(configuration, login, token.claims.exp - token.claims.iat);
}

function setOf({ configuration, login, io, end }: Held, warnings: readonly Problem[]): CredentialSet {
  return {
    ...renderVault(configuration, login.token, io.directory),
    expiresAt: end,
    ...(login.isBatch ? {} : { revocation: revocationOf({ ...configuration, token: login.token }) }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

function renewedFrom(held: Held, set: CredentialSet, start: Date): CredentialSet {
  const half = (held.end!.getTime() - start.getTime()) / 2;
  return { ...set, renewAt: new Date(start.getTime() + half), renew: () => renewSelf(held) };
}

/**
 * Prolongs the lease by what the login gave. Where Vault gives less, `token_max_ttl` shows: no renewal moves that end.
 *
 * @throws {AppError} `exchange_failed` when Vault cannot be reached or cannot answer now
 * @see Vault HTTP API, Token auth method, "Renew a token (self)"
 */
async function renewSelf(held: Held): Promise<CredentialSet> {
  const { configuration, login, io } = held;
  const answer = await callWithRetries(
    configuration,
    {
      method: 'POST',
      path: 'auth/token/renew-self',
      token: login.token,
      body: { increment: `${login.leaseSeconds}s` },
    },
    io,
    // Longer than to the end of the lease there is nothing to wait for.
    Math.min(configuration.timeoutSeconds, Math.max(login.leaseSeconds / 4, 1)),
  );
  const start = io.now();
  const auth = answer.json?.['auth'];
  const seconds = isJsonObject(auth) ? auth['lease_duration'] : undefined;
  if (answer.status === 200 && isLease(seconds)) return prolonged(held, start, seconds);
  if (passes(answer.status) || answer.status < 400) {
    throw new AppError('exchange_failed', {
      what: `Vault at ${configuration.address} did not renew the token: ${words(answer, login.token)}`,
      where: configuration.address,
    });
  }
  if (isDead(answer)) return { ...setOf(held, [endedEarly(held)]), expiresAt: start };
  return setOf(held, isPolicyDenial(answer) ? [noRenewSelf(held)] : [notRenewed(held, words(answer, login.token))]);
}

function prolonged(held: Held, start: Date, seconds: number): CredentialSet {
  const { login, phaseEnd } = held;
  const end = after(start, seconds);
  const next = { ...held, end };
  if (end === null) return setOf(next, []);
  if (seconds >= login.leaseSeconds) return renewedFrom(next, setOf(next, []), start);
  return setOf(next, end < phaseEnd ? [maxTtlShows(next)] : []);
}

function after(start: Date, seconds: number): Date | null {
  return seconds === 0 ? null : new Date(start.getTime() + seconds * 1000);
}

function firstWarnings({ configuration, login, end }: Held): Problem[] {
  const { address, role } = configuration;
  const where = `role ${role} at ${address}`;
  const warnings: Problem[] = [];
  if (/^http:/i.test(address) && !isLoopback(address)) {
    warnings.push({
      what: `Vault at ${address} is asked without TLS: tokens and secrets can be read on the way`,
      where: 'TFC_VAULT_ADDR',
      mend: 'use https, with TFC_VAULT_ENCODED_CACERT for a private CA',
    });
  }
  if (end === null) {
    warnings.push({
      what: 'the Vault token never ends by itself; if Hallpass is killed, only its next start revokes it',
      where,
      mend: 'give the role a token_ttl, such as 20m',
    });
  }
  if (login.isBatch) {
    warnings.push({
      what: `the Vault token is a batch token: it cannot be revoked, and lives until ${shown(end)}`,
      where,
      mend: 'give the role token_type = "service"',
    });
  }
  if (login.uses > 0) {
    warnings.push({
      what: `the Vault token can be used ${login.uses} times, renewing and revoking it included`,
      where,
      mend: 'give the role token_num_uses = 0',
    });
  }
  return warnings;
}

function tooShort({ role, address }: VaultConfiguration, login: VaultLogin, phaseSeconds: number): AppError {
  const kind = login.isBatch ? 'a batch token, which nobody can renew' : 'not renewable';
  return new AppError('exchange_refused', {
    what: `the Vault token of role ${role} is ${kind}, and lives ${formatDuration(login.leaseSeconds)}, but the phase may take ${formatDuration(phaseSeconds)}`,
    where: address,
    mend: `set token_type = "service" and a token_ttl such as 20m at the role, so that it is renewed; or a token_ttl of at least ${formatDuration(phaseSeconds)}; or shorten the phase's limit`,
  });
}

function maxTtlShows({ configuration, end }: Held): Problem {
  return {
    what: `the Vault token cannot be prolonged any further: token_max_ttl ends it at ${shown(end)}`,
    where: `role ${configuration.role} at ${configuration.address}`,
    mend: 'raise token_max_ttl (or token_explicit_max_ttl) at the role, or the longest lease of the mount',
  };
}

function noRenewSelf({ configuration, end }: Held): Problem {
  return {
    what: `the Vault token may not renew itself: it ends at ${shown(end)}`,
    where: `role ${configuration.role} at ${configuration.address}`,
    mend: 'give the role\'s policy: path "auth/token/renew-self" { capabilities = ["update"] }',
  };
}

function notRenewed({ configuration, end }: Held, text: string): Problem {
  return {
    what: `Vault does not renew the token: ${text}; it ends at ${shown(end)}`,
    where: `role ${configuration.role} at ${configuration.address}`,
    mend: 'look whether the role still stands as it was when the phase began',
  };
}

function endedEarly({ configuration, end }: Held): Problem {
  return {
    what: `the Vault token has ended early, before ${shown(end)}: the command gets "permission denied" from now on`,
    where: `role ${configuration.role} at ${configuration.address}`,
    mend: 'look in the audit log of Vault for who revoked it, or its accessor, role or mount',
  };
}

function shown(end: Date | null): string {
  return end === null ? 'no time' : end.toISOString();
}

function isLoopback(address: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(new URL(address).hostname);
}
