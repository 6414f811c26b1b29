/** The states of a run and the only moves between them. */
export const TRANSITIONS = {
  queued: ['running', 'cancelled', 'failed'],
  running: ['queued', 'succeeded', 'incomplete', 'held', 'failed', 'cancelled'],
  held: ['succeeded', 'incomplete', 'cancelled'],
  succeeded: [],
  incomplete: [],
  failed: [],
  cancelled: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type RunState = keyof typeof TRANSITIONS;
/** `ids`: the records that webhooks named are read again. `push`: what changed here is written there. */
export type RunMode = 'incremental' | 'full' | 'remap' | 'replay' | 'sweep' | 'ids' | 'push';
export type RunTrigger = 'schedule' | 'command' | 'watch' | 'webhook' | 'api';

/** States from which `to` may be reached. */
export const statesBefore = (to: RunState): readonly RunState[] =>
  (Object.keys(TRANSITIONS) as RunState[]).filter((from) => (TRANSITIONS[from] as readonly RunState[]).includes(to));

/** Whether a run has come to an end; `held` waits for a person. */
export const isFinal = (state: RunState): boolean => TRANSITIONS[state].length === 0;
