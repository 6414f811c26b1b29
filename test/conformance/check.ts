/** A thing that must hold. `run` throws where it does not. */
export type Check = { readonly title: string; readonly run: () => Promise<void> };
