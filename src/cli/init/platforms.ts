import { awsSide } from './aws/index.ts';
import { azureSide } from './azure.ts';
import { gcpSide } from './gcp.ts';
import { kubernetesSide } from './kubernetes.ts';
import type { InitPlatform } from './platform.ts';
import { vaultSide } from './vault.ts';

/** Every platform whose side `init` can write, in the order of its help. */
export const initPlatforms: readonly InitPlatform[] = [awsSide, gcpSide, azureSide, vaultSide, kubernetesSide];
