import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { writePrivateFile } from '../files/private-file.ts';

/** PEM files that tell clients whom to trust, in a directory of this sandbox's own. */
export interface TrustFiles extends AsyncDisposable {
  /** The sandbox's CA alone, for variables that add to what a client trusts. */
  readonly caFile: string;
  /** For variables that replace what a client trusts. */
  readonly bundleFile: string;
}

/**
 * Writes the CA's certificate into a new private directory (mode 0700), removed on leaving. Its key stays in memory.
 *
 * @param ca              PEM
 * @param alsoTrustsRest  whether the bundle holds the machine's own authorities too, so that other https calls in the same shell go on
 */
export async function writeTrustFiles(ca: string, alsoTrustsRest: boolean): Promise<TrustFiles> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'hallpass-sandbox-')));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const caFile = join(directory, 'ca.pem');
    const bundleFile = alsoTrustsRest ? join(directory, 'bundle.pem') : caFile;
    await writePrivateFile(caFile, ca);
    if (alsoTrustsRest) await writePrivateFile(bundleFile, [...machineAuthorities(), ca].join('\n'));
    return { caFile, bundleFile, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** What this machine's administrator trusts; where Node cannot tell (before 22.15), what Mozilla does. */
function machineAuthorities(): readonly string[] {
  const { getCACertificates } = tls as Partial<typeof tls>;
  const system = new Set(getCACertificates?.('system'));
  return system.size > 0 ? [...system] : tls.rootCertificates;
}
