import { counted } from '../../domain/counted.ts';
import type { StandIn, StandInKind, StandInWorld } from '../stand-in.ts';
import { readVaultPart, type VaultConfig } from './config.ts';
import { vaultSchema, type VaultSchema } from './config-schema.ts';
import { openServer } from './server.ts';
import { answerCall } from './stand-in.ts';

/** One Vault or OpenBao server: JWT auth, tokens, and kv v2, so that plan may read and apply may write. */
export const vaultStandIn: StandInKind<VaultSchema, VaultConfig> = {
  title: 'Vault',
  isTls: false,
  hasListMethod: true,
  schema: vaultSchema,
  readConfig: readVaultPart,
  open: openVault,
};

function openVault(config: VaultConfig, world: StandInWorld): StandIn {
  const server = openServer(config, world);
  const roles = [...config.spaces.values()].flatMap(({ auth }) =>
    [...auth.values()].flatMap((mount) => [...mount.roles]),
  );
  const ignored = [...config.spaces.values()].flatMap(({ auth }) =>
    [...auth].flatMap(([path, mount]) => [
      ...mount.config.ignored.map((name) => `auth/${path}/config: the server ignores ${name}.`),
      ...[...mount.roles].flatMap(([role, { ignored: names }]) =>
        names.map((name) => `auth/${path}/role/${role}: the server ignores ${name}.`),
      ),
    ]),
  );
  return {
    summary: `a server with ${counted(roles.length, 'role')}${config.sealed ? ', sealed' : ''}`,
    notes: [
      ...(config.token_seconds === undefined
        ? []
        : [`Leases end after ${config.token_seconds} s, whatever the role says.`]),
      ...ignored,
    ],
    hosts: [],
    answer: (call) => answerCall(call, server, world.log),
    environment: ({ endpoint }) => ({ TFC_VAULT_ADDR: endpoint }),
  };
}
