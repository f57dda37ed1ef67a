export type { Platform, TrustAnswer } from './platform.ts';
export { platforms } from './registry.ts';
export {
  configurationsInForce,
  configuredPlatforms,
  conflictingVariables,
  ineffectiveVariables,
  inputVariableName,
  requestsFor,
  unknownVariables,
} from './requests.ts';
