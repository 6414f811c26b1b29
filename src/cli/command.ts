/** How a command is declared: what it takes, what it says of itself, and the function that does it. */
import { TributaryError } from '../errors.ts';
import type { CommandContext } from './context.ts';

/** Exit codes scripts may count on. */
export const EXIT = { ok: 0, failed: 1, usage: 2, attention: 3 } as const;

export type Argument<T> = { readonly about: string; readonly usage: 'one' | 'maybe' | 'many'; readonly type?: T };
export type Option<T> = {
  readonly about: string;
  /** How the value is named in help; `null`: a flag. */
  readonly value: string | null;
  readonly initial: T;
  read(text: string, before: T): T;
};

type Arguments = Readonly<Record<string, Argument<unknown>>>;
type Options = Readonly<Record<string, Option<unknown>>>;
type ArgumentsOf<A> = { readonly [K in keyof A]: A[K] extends Argument<infer T> ? T : never };
type OptionsOf<O> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

type Where = 'here' | 'program' | 'anyhow';

type Definition<A, O> = {
  /** Words it is called by: `runs list`. */
  readonly path: string;
  /** One sentence. */
  readonly about: string;
  /** More lines for its help. */
  readonly details?: string;
  readonly args: A;
  readonly options: O;
  /** What to type, and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /**
   * `here`: in the process it was typed in, without store. `program`: through the running program, where there is one.
   * `anyhow`: likewise, and here when the configuration is broken.
   */
  readonly where: Where | ((options: Readonly<Record<string, unknown>>) => Where);
  readonly run: (
    context: CommandContext,
    input: { readonly args: ArgumentsOf<A>; readonly options: OptionsOf<O> },
  ) => Promise<number>;
};

export type Command = Omit<Definition<Arguments, Options>, 'run'> & {
  /** @param args in the order of `args`; @param options by name */
  readonly run: (
    context: CommandContext,
    args: readonly unknown[],
    options: Readonly<Record<string, unknown>>,
  ) => Promise<number>;
};

/** Declares a command; the types of its input follow from its arguments and options. */
export function command<const A extends Arguments, const O extends Options>(definition: Definition<A, O>): Command {
  return {
    ...definition,
    run: (context, args, options) => {
      const named = Object.fromEntries(Object.keys(definition.args).map((name, at) => [name, args[at]]));
      // The parser filled both from these very declarations.
      return definition.run(context, { args: named as ArgumentsOf<A>, options: options as OptionsOf<O> });
    },
  };
}

export const one = (about: string): Argument<string> => ({ about, usage: 'one' });
export const maybe = (about: string): Argument<string | undefined> => ({ about, usage: 'maybe' });
export const many = (about: string): Argument<readonly string[]> => ({ about, usage: 'many' });

export const flag = (about: string): Option<boolean> => ({ about, value: null, initial: false, read: () => true });

export const word = (value: string, about: string): Option<string | undefined> => ({
  about,
  value,
  initial: undefined,
  read: (text) => text,
});

/** May be given several times, or once with commas. */
export const words = (value: string, about: string): Option<readonly string[]> => ({
  about,
  value,
  initial: [],
  read: (text, before) => [
    ...before,
    ...text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  ],
});

export const count = (value: string, about: string, initial: number): Option<number> => ({
  about,
  value,
  initial,
  read: (text) => {
    const number = Number(text);
    if (/^\d{1,9}$/.test(text) && number > 0) return number;
    throw new TributaryError('ERR_CLI_USAGE', `${value} must be a whole number from 1, not "${text}".`);
  },
});

export const choice = <const T extends string>(
  values: readonly T[],
  value: string,
  about: string,
): Option<T | undefined> => ({
  about: `${about}: ${values.join(', ')}`,
  value,
  initial: undefined,
  read: (text) => {
    const found = values.find((one) => one === text);
    if (found !== undefined) return found;
    throw new TributaryError('ERR_CLI_USAGE', `${value} must be one of ${values.join(', ')}, not "${text}".`);
  },
});

/** Paging, the same for every list. */
export const paging = {
  limit: count('<n>', 'At most so many', 20),
  page: count('<n>', 'Which page of them, from 1', 1),
};
