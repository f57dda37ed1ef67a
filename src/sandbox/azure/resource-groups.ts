/** A resource group; names are compared without regard to case and shown as they were made. */
export interface ResourceGroup {
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** The resource groups of the subscription; they live in memory only. */
export interface ResourceGroups {
  list(): readonly ResourceGroup[];
  find(name: string): ResourceGroup | undefined;
  put(group: ResourceGroup): void;
  remove(name: string): void;
}

/** @param existing name and location of those that are there from the start */
export function openResourceGroups(existing: Readonly<Record<string, string>>): ResourceGroups {
  const groups = new Map<string, ResourceGroup>();
  const put = (group: ResourceGroup): void => void groups.set(group.name.toLowerCase(), group);
  for (const [name, location] of Object.entries(existing)) put({ name, location, tags: {} });
  return {
    list: () => [...groups.values()],
    find: (name) => groups.get(name.toLowerCase()),
    put,
    remove: (name) => void groups.delete(name.toLowerCase()),
  };
}
