import { counted } from '../../domain/counted.ts';
import { refuseUnknownActions } from '../latency.ts';
import { openIssuerKeys } from '../relying-party/issuer-keys.ts';
import type { StandIn, StandInKind, StandInWorld } from '../stand-in.ts';
import type { AwsAccount } from './action.ts';
import { readAwsConfig, type AwsConfig } from './config.ts';
import { awsSchema, type AwsSchema } from './config-schema.ts';
import { openParameterStore, type ParameterStore } from './parameter-store.ts';
import { openSessions } from './sessions.ts';
import { answerCall, knownActions } from './stand-in.ts';

/** One AWS account: STS, and a small SSM parameter store, so that plan may read and apply may write. */
export const awsStandIn: StandInKind<AwsSchema, AwsConfig> = {
  title: 'AWS',
  isTls: false,
  schema: awsSchema,
  readConfig: readAwsConfig,
  open: openAws,
};

function openAws(config: AwsConfig, world: StandInWorld): StandIn {
  refuseUnknownActions('aws', config.latency_milliseconds, knownActions);
  const account = openAccount(config, world);
  const { roles, session_seconds: sessionSeconds } = config;
  return {
    summary: `account ${config.account} with ${counted(roles.length, 'role')}`,
    notes:
      sessionSeconds === undefined
        ? []
        : [
            `Credentials end after ${sessionSeconds} s, whatever the caller asks for${sessionSeconds < 900 ? ' (AWS never gives less than 900 s)' : ''}.`,
          ],
    hosts: ['sts.amazonaws.com', 'sts.*.amazonaws.com', 'ssm.*.amazonaws.com'],
    answer: (call) => answerCall(call, account, world.log),
    environment: ({ endpoint }) => ({
      AWS_ENDPOINT_URL: endpoint,
      // Terraform's AWS provider takes only this one for its own exchange of a web identity token.
      AWS_ENDPOINT_URL_STS: endpoint,
      AWS_REGION: config.region,
      // The AWS CLI and boto3 know only this one.
      AWS_DEFAULT_REGION: config.region,
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
  };
}

function openAccount(config: AwsConfig, { fetch, now }: StandInWorld): AwsAccount {
  const stores = new Map<string, ParameterStore>();
  const keys = new Map(
    config.providers.map((provider) => [
      provider.url,
      openIssuerKeys({
        issuer: provider.url,
        fetchFrom: provider.fetch_from ?? null,
        fetch,
        now,
        cacheSeconds: config.key_cache_seconds,
        refetchSeconds: config.key_refetch_seconds,
      }),
    ]),
  );
  return {
    config,
    now,
    sessions: openSessions(),
    keysOf: (url) => keys.get(url)!,
    parametersIn(region) {
      const store =
        stores.get(region) ??
        openParameterStore(region === config.region ? config.parameters : {}, config.account, now());
      stores.set(region, store);
      return store;
    },
  };
}
