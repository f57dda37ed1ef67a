export { platforms } from './registry.ts';
export {
  conflictingVariables,
  ineffectiveVariables,
  inputVariableName,
  requestsFor,
  unknownVariables,
} from './requests.ts';
