import type { Command } from '@commander-js/extra-typings';

/** Adds `--issuer`, `--organization`, `--project` and `--workspace`: the caller's own words about the workload. */
export function addWorkloadOptions<Args extends any[], Opts extends {}, Globals extends {}>(
  command: Command<Args, Opts, Globals>,
) {
  return command
    .option('--issuer <url>', 'issuer URL (HALLPASS_ISSUER)')
    .option('--organization <name>', 'organization (HALLPASS_ORGANIZATION)')
    .option('--project <name>', 'project (HALLPASS_PROJECT; default "Default Project")')
    .option('--workspace <name>', 'workspace (HALLPASS_WORKSPACE)');
}
