import type { Json, JsonObject } from '../../domain/json.ts';
import { configMaps, metadataOf, type ResourceKind } from './resource.ts';

const columns = {
  name: {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: 'Name must be unique within a namespace.',
    priority: 0,
  },
  data: { name: 'Data', type: 'string', format: '', description: 'Number of entries.', priority: 0 },
  status: { name: 'Status', type: 'string', format: '', description: 'The status of the namespace', priority: 0 },
  age: { name: 'Age', type: 'string', format: '', description: 'Time since the object was made.', priority: 0 },
} as const;

/** Whether a client would rather have columns than objects, as `kubectl get` does. */
export function wantsTable(accept: string | undefined): boolean {
  const [first = ''] = (accept ?? '').split(',');
  return /;\s*as=Table/.test(first) && /;\s*v=v1(?:;|$)/.test(first.trim()) && /;\s*g=meta\.k8s\.io/.test(first);
}

/** @see Kubernetes API concepts, "Receiving resources as Tables" */
export function tableOf(kind: ResourceKind, objects: readonly JsonObject[], version: string, now: Date): JsonObject {
  const isConfigMap = kind === configMaps;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: version },
    columnDefinitions: [columns.name, isConfigMap ? columns.data : columns.status, columns.age],
    rows: objects.map((object) => {
      const metadata = metadataOf(object);
      const middle = isConfigMap ? entriesIn(object) : ((object['status'] as JsonObject)['phase'] as Json);
      return {
        cells: [metadata.name, middle, ageOf(metadata, now)],
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata },
      };
    }),
  };
}

function entriesIn({ data, binaryData }: JsonObject): number {
  return Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length;
}

function ageOf({ creationTimestamp }: JsonObject, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(creationTimestamp as string)) / 1000));
  return seconds < 120 ? `${seconds}s` : `${Math.floor(seconds / 60)}m`;
}
