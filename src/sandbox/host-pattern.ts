/** Whether a host is one of those named by a pattern such as `sts.*.amazonaws.com`, where `*` is exactly one label. */
export function hostFits(host: string, pattern: string): boolean {
  const labels = host.split('.');
  const wanted = pattern.split('.');
  return (
    labels.length === wanted.length &&
    labels.every((label, index) => (wanted[index] === '*' ? isLabel(label) : label === wanted[index]))
  );
}

/** The narrowest domain that holds all hosts of a pattern: `amazonaws.com` of `sts.*.amazonaws.com`. */
export function platformSuffix(pattern: string): string {
  return pattern.slice(pattern.lastIndexOf('*') + 1).replace(/^\./, '');
}

/** One label of a host name in lower case (RFC 1123 section 2.1). */
function isLabel(label: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label);
}
