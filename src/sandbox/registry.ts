import { awsStandIn } from './aws/index.ts';
import { azureStandIn } from './azure/index.ts';
import { gcpStandIn } from './gcp/index.ts';
import { kubernetesStandIn } from './kubernetes/index.ts';
import { vaultStandIn } from './vault/index.ts';

/** Every stand-in that is there, by the key of its part in the configuration file. */
export const standIns = {
  aws: awsStandIn,
  gcp: gcpStandIn,
  azure: azureStandIn,
  kubernetes: kubernetesStandIn,
  vault: vaultStandIn,
} as const;

/** `aws`, `gcp`, … */
export type StandInId = keyof typeof standIns;
