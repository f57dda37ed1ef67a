// Account: 12 digits. Path and name: the characters that IAM allows; 20–2048 is the range of RoleArn in the STS model.
const role = /^arn:aws(?:-[a-z-]+)?:iam::(\d{12}):role\/(?:[\x21-\x7e]+\/)?[\w+=,.@-]{1,64}$/;

/** The account of an IAM role; null when the text is not the ARN of one. */
export function accountOfRole(arn: string): string | null {
  return arn.length >= 20 && arn.length <= 2048 ? (role.exec(arn)?.[1] ?? null) : null;
}

/** The issuer without its scheme: the HOST of condition keys and provider ARNs, path included. */
export function issuerHost(issuer: string): string {
  return issuer.replace(/^https?:\/\//, '');
}
