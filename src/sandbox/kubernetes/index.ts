import { counted } from '../../domain/counted.ts';
import { joinKubernetesTrust, readKubernetesTrust } from '../../platforms/kubernetes/trust-policy.ts';
import type { StandIn, StandInKind, StandInWorld } from '../stand-in.ts';
import { openObjectStore, type Cluster, type ObjectStore } from './cluster.ts';
import { readKubernetesConfig, type KubernetesConfig } from './config.ts';
import { kubernetesSchema, type KubernetesSchema } from './config-schema.ts';
import { defaultRoles } from './default-roles.ts';
import { openClusterKeys } from './keys.ts';
import { configMaps, namespaces, readObject } from './resource.ts';
import { answerCall } from './stand-in.ts';

/** One API server that authenticates our tokens, asks RBAC, and keeps namespaces and config maps. */
export const kubernetesStandIn: StandInKind<KubernetesSchema, KubernetesConfig> = {
  title: 'Kubernetes',
  // client-go sends no bearer token over plain http unless it is told to.
  isTls: true,
  schema: kubernetesSchema,
  readConfig: readKubernetesConfig,
  open: openKubernetes,
};

function openKubernetes(config: KubernetesConfig, world: StandInWorld): StandIn {
  const trust = joinKubernetesTrust([
    ...config.documents,
    ...defaultRoles.map((document) => readKubernetesTrust(JSON.stringify(document))),
  ]);
  const cluster: Cluster = {
    trust,
    now: world.now,
    keysOf: openClusterKeys(trust, config, world),
    objects: filledStore(config, world.now),
  };
  return {
    summary: `a cluster that trusts ${counted(trust.authenticators.length, 'issuer')}`,
    notes: [],
    hosts: [],
    answer: (call) => answerCall(call, cluster, world.log),
    environment: ({ endpoint, ca }) => ({
      KUBE_HOST: endpoint,
      ...(ca === null ? {} : { KUBE_CLUSTER_CA_CERT_DATA: ca }),
    }),
  };
}

const always = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

function filledStore(config: KubernetesConfig, now: () => Date): ObjectStore {
  const store = openObjectStore(now);
  for (const name of new Set([...always, ...config.namespaces, ...Object.keys(config.config_maps)]))
    store.create(namespaces, null, readObject(namespaces, { metadata: { name } }, true));
  for (const [namespace, maps] of Object.entries(config.config_maps))
    for (const [name, data] of Object.entries(maps))
      store.create(configMaps, namespace, readObject(configMaps, { metadata: { name }, data }, true));
  return store;
}
