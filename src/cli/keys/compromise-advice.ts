import { formatDuration } from '../../domain/duration.ts';
import { isoSeconds } from '../../domain/iso-seconds.ts';
import { documentMaxAgeSeconds, type KeyRing } from '../../identity/key-ring.ts';

/** The AWS policy that ends sessions that were issued before a moment, to be attached to each role. */
export function denyEarlierSessions(at: Date): object {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'HallpassKeyCompromised',
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { DateLessThan: { 'aws:TokenIssueTime': isoSeconds(at) } },
      },
    ],
  };
}

/** What Hallpass cannot do by itself after a key was dropped. */
export function compromiseAdvice(ring: KeyRing, dropped: readonly string[], at: Date): string {
  const cached = formatDuration(documentMaxAgeSeconds);
  const publish =
    ring.publishing === 'creation'
      ? [`1. "hallpass issuer serve" publishes the new key set by itself; nothing is to be uploaded.`]
      : [
          '1. Publish the new key set now; until then the dropped key still works, and new tokens are refused:',
          '     hallpass issuer export DIR        then upload (--for s3|cloudfront|nginx prints how)',
          `     hallpass issuer check ${ring.issuer}`,
        ];
  return [
    'To be done by hand:',
    '',
    ...publish,
    '2. Where keys were uploaded to a platform (Google jwks_json, Vault jwt_validation_pubkeys), upload the new set there.',
    '3. Sessions that a forged token has opened go on until they expire. On AWS, attach this to each role that trusts this',
    '   issuer; it ends every session issued before now:',
    ...JSON.stringify(denyEarlierSessions(at), null, 2)
      .split('\n')
      .map((line) => `     ${line}`),
    '   On Vault revoke the leases of the auth mount; elsewhere wait for the sessions to expire.',
    '',
    `Forged tokens pass until caches end: ${cached} after the new set is published, longer at platforms that cache longer (AWS`,
    'does not say how long). What was honestly signed by a dropped key stands in the audit:',
    ...dropped.map((kid) => `     hallpass audit --json | grep ${kid}`),
    'Forged tokens are not in that list and cannot be: whoever has the key signs without us. Look for them in the log of',
    'each platform (CloudTrail: AssumeRoleWithWebIdentity) as sessions whose name is no run of yours.',
    '',
  ].join('\n');
}
