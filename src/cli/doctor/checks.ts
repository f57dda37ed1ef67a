import { stat } from 'node:fs/promises';
import { openAuditLog } from '../../audit/log.ts';
import { checkedBase, isRam, openBase } from '../../environment/base-directory.ts';
import { exists } from '../../files/exists.ts';
import { openPrivateDirectory, readPrivateFile } from '../../files/private-file.ts';
import { isLoopbackIssuer } from '../../identity/issuer-url.ts';
import { openIssuer } from '../../identity/issuer.ts';
import { fileKeyStore } from '../../identity/key-store/file.ts';
import { phases } from '../../domain/workload.ts';
import { configuredPlatforms, conflictingVariables, requestsFor } from '../../platforms/index.ts';
import { requireAllowed, type WorkloadSettings } from '../../settings/workload.ts';
import { findProgram } from '../../terraform/find-program.ts';
import { ProgramError } from '../../terraform/program-error.ts';
import { programVersion } from '../../terraform/program-version.ts';
import type { CliContext } from '../context.ts';
import { finding, type Finding } from './finding.ts';

/** Whether the files' choice of an identity counts. */
export async function checkAllowed(context: CliContext, workload: WorkloadSettings): Promise<readonly Finding[]> {
  await requireAllowed(context.settings, workload);
  return [
    finding(
      'identity',
      'ok',
      workload.claimedByFile === null
        ? 'chosen by variables and flags'
        : 'hallpass.yaml is allowed to say what it says about it',
    ),
  ];
}

/** Variables of the workload that get in the way of a platform's credentials. */
export function checkConflicts({ childVariables, variables }: WorkloadSettings): readonly Finding[] {
  const conflicts = conflictingVariables(childVariables.keys(), configuredPlatforms(variables));
  return conflicts.map(({ what, mend }) => finding('variables', 'note', what, mend ?? null));
}

/** Relying parties that take the same audience: each could offer our token to the others. */
export function checkSharedAudiences({ variables, workspace }: WorkloadSettings): readonly Finding[] {
  const requests = phases.flatMap((phase) => requestsFor(variables, phase, { workspace: workspace.name }));
  const parties = Map.groupBy(
    requests.filter(({ relyingParty }) => relyingParty !== undefined),
    ({ audience }) => audience,
  );
  return [...parties].flatMap(([audience, sharing]) => {
    const addresses = [...new Set(sharing.map(({ relyingParty }) => relyingParty!))];
    if (addresses.length < 2) return [];
    return [
      finding(
        'audiences',
        'note',
        `${addresses.join(' and ')} share the audience ${audience}: each could offer our token to the other`,
        'give each an audience of its own (TFC_…_WORKLOAD_IDENTITY_AUDIENCE, with the tag), on both sides',
      ),
    ];
  });
}

/** The data directory and the key-encryption key: there, private, and what their places protect. */
export async function checkPlaces({ settings }: CliContext): Promise<readonly Finding[]> {
  const { dataDirectory, keyEncryptionKeyFile } = settings;
  if (!(await exists(dataDirectory))) {
    return [finding('data directory', 'note', `${dataDirectory} does not exist yet; the first command makes it`)];
  }
  await openPrivateDirectory(dataDirectory, 'the data directory');
  const findings = [finding('data directory', 'ok', `${dataDirectory} is yours alone`)];
  if (!(await exists(keyEncryptionKeyFile))) {
    return [
      ...findings,
      finding('key-encryption key', 'note', `${keyEncryptionKeyFile} does not exist yet; it comes with the first keys`),
    ];
  }
  await readPrivateFile(keyEncryptionKeyFile, 'the key-encryption key');
  const [data, key] = await Promise.all([stat(dataDirectory), stat(keyEncryptionKeyFile)]);
  const meaning =
    data.dev === key.dev
      ? 'it lies on the same disk as the data directory: it protects copies of that directory, not this machine or its disk'
      : 'it lies on another disk than the data directory: neither is enough alone';
  return [...findings, finding('key-encryption key', 'ok', `${keyEncryptionKeyFile} is yours alone; ${meaning}`)];
}

/** The issuer's keys, as they stand; makes none. */
export async function checkIssuer(context: CliContext, workload: WorkloadSettings): Promise<readonly Finding[]> {
  const { dataDirectory, keyEncryptionKeyFile } = context.settings;
  const reach = isLoopbackIssuer(workload.issuer)
    ? `${workload.issuer} is on loopback: only stand-ins on this machine can verify its tokens`
    : `${workload.issuer} must be readable for the platforms: hallpass issuer check ${workload.issuer}`;
  const findings = [finding('issuer', isLoopbackIssuer(workload.issuer) ? 'note' : 'ok', reach)];
  if (!(await exists(`${dataDirectory}/keys.json`))) {
    const mend = isLoopbackIssuer(workload.issuer) ? null : `hallpass keys init --issuer ${workload.issuer}`;
    return [...findings, finding('keys', mend === null ? 'note' : 'problem', 'there are no signing keys yet', mend)];
  }
  const audit = await openAuditLog({ dataDirectory, now: context.now });
  try {
    const issuer = await openIssuer({
      dataDirectory,
      keyEncryptionKeyFile,
      issuer: workload.issuer,
      audit,
      now: context.now,
    });
    const stored = await (await fileKeyStore({ dataDirectory, keyEncryptionKeyFile })).read();
    const keys = (stored?.ring.keys ?? []).map((key) => `${key.kid.slice(0, 8)}… ${key.state}`);
    const warnings = await issuer.warnings();
    return [
      ...findings,
      finding('keys', 'ok', keys.join(', ')),
      ...warnings.map((problem) => finding('keys', 'note', problem.what, problem.mend ?? null)),
    ];
  } finally {
    await audit.close();
  }
}

/** The end of the audit, and the clock against its last record. */
export async function checkAudit(context: CliContext): Promise<readonly Finding[]> {
  if (!(await exists(`${context.settings.dataDirectory}/audit`)))
    return [finding('audit', 'note', 'nothing was recorded yet')];
  const audit = await openAuditLog({ dataDirectory: context.settings.dataDirectory, now: context.now });
  try {
    const warnings = audit.warnings();
    if (warnings.length === 0)
      return [finding('audit and clock', 'ok', 'the end of the audit is whole, and not in the future')];
    return warnings.map((problem) => finding('audit and clock', 'problem', problem.what, problem.mend ?? null));
  } finally {
    await audit.close();
  }
}

/** The base of private directories. */
export async function checkRunDirectory({ settings }: CliContext): Promise<readonly Finding[]> {
  const base = await checkedBase(await openBase(settings.runDirectory));
  return (await isRam(base))
    ? [finding('run directory', 'ok', `${base} is in RAM: credentials do not reach a disk`)]
    : [
        finding(
          'run directory',
          'note',
          `${base} is on a disk: credential files are deleted after each phase, but a disk may keep what was deleted`,
          'set HALLPASS_RUN_DIR to a directory on a tmpfs',
        ),
      ];
}

/** Terraform and OpenTofu, with what a version manager's shim stands for. */
export async function checkTerraform({ settings }: CliContext): Promise<readonly Finding[]> {
  const { workingDirectory, parentEnvironment } = settings;
  const all = await Promise.all(
    ['terraform', 'tofu'].map(async (name): Promise<Finding | null> => {
      try {
        const { file, shim } = await findProgram(name, { workingDirectory, environment: parentEnvironment });
        const version = await programVersion(file, parentEnvironment);
        const through = shim === null ? '' : `, through ${shim.manager} (${shim.path})`;
        return finding(name, 'ok', `${version ?? 'a version that it does not tell'} at ${file}${through}`);
      } catch (error) {
        if (!(error instanceof ProgramError)) throw error;
        return error.exitCode === 127 && error.problem.what.endsWith('is not on PATH')
          ? null
          : finding(name, 'problem', error.problem.what, error.problem.mend ?? null);
      }
    }),
  );
  const found = all.filter((one) => one !== null);
  return found.length > 0
    ? found
    : [finding('terraform', 'note', 'neither terraform nor tofu is on PATH', 'install one, or give its path to exec')];
}

/** Variables that lead tokens elsewhere, or make clients trust somebody else. They do reach the command. */
const detours: readonly { readonly names: readonly string[]; readonly means: string }[] = [
  {
    names: ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'],
    means: 'calls to platforms go through this proxy',
  },
  {
    names: [
      'SSL_CERT_FILE',
      'SSL_CERT_DIR',
      'AWS_CA_BUNDLE',
      'REQUESTS_CA_BUNDLE',
      'CURL_CA_BUNDLE',
      'NODE_EXTRA_CA_CERTS',
    ],
    means: 'clients trust the certificate authorities of this place',
  },
  { names: ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_STS'], means: 'calls to AWS go there: a stand-in?' },
  {
    names: [
      'CLOUDSDK_API_ENDPOINT_OVERRIDES_STS',
      'CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS',
      'CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER',
      'GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT',
    ],
    means: 'calls to Google Cloud go there: a stand-in?',
  },
  {
    names: ['AZURE_AUTHORITY_HOST', 'ARM_METADATA_HOSTNAME'],
    means: 'calls to Azure go there: a national cloud, or a stand-in?',
  },
  { names: ['NODE_TLS_REJECT_UNAUTHORIZED'], means: 'certificates may not be checked' },
];

/** What leads calls elsewhere than usual; names that lead to one place in one finding. */
export async function checkDetours({ settings }: CliContext): Promise<readonly Finding[]> {
  const { parentEnvironment } = settings;
  return detours.flatMap(({ names, means }) => {
    const set = names.filter((name) => parentEnvironment[name]);
    return [...Map.groupBy(set, (name) => withoutPassword(parentEnvironment[name]!))].map(([value, leading]) =>
      finding(
        'variables',
        'note',
        `${leading.join(', ')} ${leading.length === 1 ? 'is' : 'are'} ${value}: ${means}`,
        `unset ${leading.join(' ')}, if that is left over`,
      ),
    );
  });
}

function withoutPassword(value: string): string {
  return value.replace(/\/\/[^/@]*@/, '//…@');
}
