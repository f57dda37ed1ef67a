import type { AzureError } from '../../platforms/azure/aadsts.ts';
import type { Check } from '../../domain/trust.ts';

/** What the log and a later explanation should know of a refusal beside Microsoft's own words. */
export interface RefusalDetail {
  /** One sentence for each failed check, with both values. */
  readonly reasons?: readonly string[];
  readonly checks?: readonly Check[];
}

/** A refusal as one of Microsoft's services words it; its message goes over the wire and into the log. Never holds a token. */
abstract class AzureRefusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly reasons: readonly string[];
  readonly checks: readonly Check[];

  constructor(code: string, status: number, message: string, detail: RefusalDetail = {}) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.reasons = detail.reasons ?? [];
    this.checks = detail.checks ?? [];
  }
}

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

export type Refusal = EntraRefusal | ResourceRefusal;
