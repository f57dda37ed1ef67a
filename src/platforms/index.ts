export { platforms } from './registry.ts';
export { conflictingVariables, inputVariableName, requestsFor, unknownVariables } from './requests.ts';
export type { Platform, SharedFiles, TaggedSet } from './platform.ts';
export type { VariableSpec, WorkloadVariables } from './variables.ts';
