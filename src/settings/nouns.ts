/** The nouns of a workspace's identity. */
export type Noun = 'organization' | 'project' | 'workspace';

/** All of them, from the widest to the narrowest. */
export const nouns: readonly Noun[] = ['organization', 'project', 'workspace'];
