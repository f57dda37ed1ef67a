import type { AzureError } from '../../platforms/azure/aadsts.ts';
import { StandInRefusal, type RefusalDetail } from '../refusal.ts';

/** A refusal as one of Microsoft's services words it. */
export abstract class AzureRefusal extends StandInRefusal {}

/** Of Entra's endpoints: `AADSTS…`. */
export class EntraRefusal extends AzureRefusal {
  /** `error` of the OAuth answer. */
  readonly oauth: string;

  constructor({ code, status, description, oauth }: AzureError, detail?: RefusalDetail) {
    super(code, status, description, detail);
    this.oauth = oauth;
  }
}

/** Of Azure Resource Manager and Microsoft Graph: `AuthorizationFailed`, … */
export class ResourceRefusal extends AzureRefusal {}
