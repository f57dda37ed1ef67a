export { platforms } from './registry.ts';
export {
  configuredPlatforms,
  conflictingVariables,
  ineffectiveVariables,
  inputVariableName,
  requestsFor,
  unknownVariables,
} from './requests.ts';
