export { platforms } from './registry.ts';
export {
  conflictingVariables,
  ineffectiveVariables,
  inputVariableName,
  requestsFor,
  unknownVariables,
} from './requests.ts';
export type { Platform, SharedFiles, TaggedSet } from './platform.ts';
export type { VariableSpec, WorkloadVariables } from './variables.ts';
export { awsSessionName } from './aws/render.ts';
export { stsEndpoint } from './aws/exchange.ts';
export { hostOf, type AwsError, type AwsProvider, type AwsWebIdentity } from './aws/web-identity.ts';
export {
  decideAwsTrust,
  readAwsTrustPolicy,
  type AwsTrustPolicy,
  type AwsTrustRequest,
  type AwsTrustVerdict,
} from './aws/trust-policy.ts';
export {
  decideAwsAccess,
  readAwsIdentityPolicy,
  type AwsAccessRequest,
  type AwsAccessVerdict,
  type AwsIdentityPolicy,
} from './aws/identity-policy.ts';
