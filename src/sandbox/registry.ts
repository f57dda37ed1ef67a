import { awsStandIn } from './aws/index.ts';

/** Every stand-in that is there, by the key of its part in the configuration file. */
export const standIns = {
  aws: awsStandIn,
} as const;

export type StandInId = keyof typeof standIns;
