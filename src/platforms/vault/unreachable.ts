import { AppError, type Problem } from '../../domain/errors.ts';
import { printable } from '../../domain/printable.ts';
import type { VaultPlace } from './configure.ts';

/** Nobody answered, or nobody that may be trusted. */
export class VaultUnreachable extends AppError {
  /** Whether another try may reach it. */
  readonly isPassing: boolean;

  constructor(problem: Problem, isPassing: boolean, cause: unknown) {
    super('exchange_failed', problem, { cause });
    this.isPassing = isPassing;
  }
}

interface Row {
  readonly code: RegExp;
  /** Behind `Vault at ADDRESS`. */
  readonly what: string;
  readonly mend: string;
  readonly isPassing?: true;
}

const ownCa = 'look at TFC_VAULT_ENCODED_CACERT: it must hold the CA that signed the certificate of this server';

/** Codes of Node and OpenSSL. */
const rows: readonly Row[] = [
  {
    code: /^ECONNREFUSED$|^ECONNRESET$|^EHOSTUNREACH$|^ENETUNREACH$|^EPIPE$|^UND_ERR_SOCKET$/,
    what: 'cannot be reached: nothing answers there ({code})',
    mend: 'look at the host and the port in TFC_VAULT_ADDR, and whether Vault runs and a firewall lets you through',
    isPassing: true,
  },
  { code: /^EAI_AGAIN$/, what: 'cannot be reached: no name server answers', mend: 'try again', isPassing: true },
  {
    code: /^ENOTFOUND$/,
    what: 'cannot be reached: nobody knows the name {host}',
    mend: 'look at the host in TFC_VAULT_ADDR, and whether you need a VPN',
  },
  {
    code: /^TimeoutError$|^ETIMEDOUT$|^UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT$/,
    what: 'did not answer within {seconds} s',
    mend: 'look at TFC_VAULT_ADDR and at firewalls, or set TFC_VAULT_CLIENT_TIMEOUT higher',
  },
  {
    code: /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA)$/,
    what: 'has a certificate that no CA we know has signed ({code})',
    mend: ownCa,
  },
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    what: 'has a certificate for another name than {host}',
    mend: 'use the name in the certificate in TFC_VAULT_ADDR, or have the certificate name this host',
  },
  { code: /^CERT_HAS_EXPIRED$/, what: 'has a certificate that has expired', mend: 'have it renewed at the server' },
  {
    code: /^CERT_NOT_YET_VALID$/,
    what: 'has a certificate that is not valid yet',
    mend: 'compare the clock of this machine',
  },
  {
    code: /^EPROTO$|^ERR_SSL_|^HPE_|^UND_ERR_HTTP_PARSER/,
    what: 'does not speak the protocol of its address ({code})',
    mend: 'compare http:// and https:// in TFC_VAULT_ADDR with what the listener of Vault is set to',
  },
];

/** The error for a call that got no answer. Pure. */
export function unreachable({ address }: VaultPlace, error: unknown, seconds: number): VaultUnreachable {
  const code = codeOf(error);
  const row = rows.find((one) => one.code.test(code));
  const values: Readonly<Record<string, string>> = { code, host: new URL(address).hostname, seconds: String(seconds) };
  const what = row?.what.replace(/\{(\w+)\}/g, (_, name: string) => values[name]!);
  return new VaultUnreachable(
    {
      what: `Vault at ${address} ${what ?? `cannot be reached: ${printable(messageOf(error)).slice(0, 300)}`}`,
      where: 'TFC_VAULT_ADDR',
      mend: row?.mend ?? 'look at TFC_VAULT_ADDR',
    },
    row === undefined || row.isPassing === true,
    error,
  );
}

function codeOf(error: unknown): string {
  for (const one of [causeOf(error), error]) {
    const { code, name } = (one ?? {}) as { code?: unknown; name?: unknown };
    if (typeof code === 'string') return code;
    if (name === 'TimeoutError') return name;
  }
  return 'unknown';
}

/** `fetch` hides what happened in a cause, and several addresses that were tried in that one's errors. */
function causeOf(error: unknown): unknown {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
}

function messageOf(error: unknown): string {
  const cause = causeOf(error);
  return cause instanceof Error ? cause.message : error instanceof Error ? error.message : 'no reason given';
}
