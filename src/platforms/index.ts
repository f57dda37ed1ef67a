export type { Platform, TrustAnswer, TrustQuestion } from './platform.ts';
export { platforms } from './registry.ts';
export {
  configurationsInForce,
  configuredPlatforms,
  conflictingVariables,
  ineffectiveVariables,
  inputVariableName,
  isTokenAddress,
  requestsFor,
  unknownVariables,
} from './requests.ts';
