/** The command line as commander reads it: argv in, one invocation or a text out. Nothing is run here. */
import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander';
import { TributaryError } from '../errors.ts';
import { type Command, EXIT } from './command.ts';
import { VERSION } from './version.ts';

/** Words about the groups of commands. */
const GROUPS: Readonly<Record<string, string>> = {
  connections:
    'The configured accounts: list, check, sample, pause, resume, budgets, authorize, subscribe, unsubscribe',
  connectors: 'The connectors as code: list, new',
  mapping: 'Mapping files: check, test, preview, new',
  runs: 'Passes over streams: list, show, logs, cancel, approve',
  records: 'What the sources sent, and what became of it',
  deadletters: 'Records that could not be loaded: list, show, replay, accept',
  checkpoints: 'Where each stream is read on: show, reset',
  sandbox: 'What people do in the vendor systems of the sandbox: buy, edit, delete, restock',
  keys: 'API keys: create, list, revoke',
};

export type Globals = { readonly dir: string | null; readonly json: boolean };
export type Invocation = {
  readonly command: Command;
  readonly args: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly globals: Globals;
};
/** A command to be run, or a text (help, version) to be shown. */
export type Parsed =
  | ({ readonly kind: 'command' } & Invocation)
  | { readonly kind: 'text'; readonly text: string; readonly exit: number };

/** Reads arguments. @throws ERR_CLI_USAGE */
export function parseArguments(argv: readonly string[], commands: readonly Command[], columns = 80): Parsed {
  const box: { invocation: Invocation | null; text: string } = { invocation: null, text: '' };
  const say = (text: string) => {
    box.text += text;
  };
  const root = buildProgram(commands, (command, args, options, globals) => {
    box.invocation = { command, args, options, globals };
  });
  for (const one of everyCommand(root)) {
    one.exitOverride();
    one.configureOutput({
      writeOut: say,
      writeErr: say,
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  }
  try {
    root.parse([...argv], { from: 'user' });
  } catch (thrown) {
    return onStop(thrown, box.text);
  }
  return box.invocation
    ? { kind: 'command', ...box.invocation }
    : { kind: 'text', text: root.helpInformation(), exit: EXIT.usage };
}

function onStop(thrown: unknown, text: string): Parsed {
  if (!(thrown instanceof CommanderError)) throw thrown;
  if (thrown.exitCode === 0) return { kind: 'text', text, exit: EXIT.ok };
  if (thrown.code === 'commander.help') return { kind: 'text', text, exit: EXIT.usage };
  const message = thrown.message.replace(/^error: /, '').replace(/\n/g, ' ');
  throw new TributaryError(
    'ERR_CLI_USAGE',
    `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.?)]$/.test(message) ? '' : '.'}`,
    {
      cause: thrown,
    },
  );
}

type OnCommand = (
  command: Command,
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
  globals: Globals,
) => void;

/** The whole tree of commands. */
export function buildProgram(commands: readonly Command[], onCommand: OnCommand = () => undefined): Commander {
  const root = new Commander('tributary')
    .description('Many sources, one store: pulls vendor records, maps them, keeps them, and can prove what it did.')
    .version(VERSION, '--version', 'Show the version')
    .helpOption('--help', 'Show help')
    .helpCommand(false)
    .option('--dir <folder>', 'Folder with tributary.yaml and .tributary (default: the current one)')
    .option('--json', 'Results and errors as JSON')
    .addHelpText('after', OUTRO)
    .configureHelp({ showGlobalOptions: true });
  const groups = new Map<string, Commander>();
  for (const command of commands) {
    const [first = '', second] = command.path.split(' ');
    if (second === undefined) {
      addCommand(root, first, command, onCommand);
      continue;
    }
    let group = groups.get(first);
    if (!group) {
      group = root
        .command(first)
        .description(GROUPS[first] ?? first)
        .helpOption('--help', 'Show help')
        .helpCommand(false);
      groups.set(first, group);
    }
    addCommand(group, second, command, onCommand);
  }
  return root;
}

const OUTRO = `
Exit codes: 0 succeeded, 1 failed, 2 usage or configuration, 3 incomplete, held or new dead letters.
While the program runs (tributary start), every command works through it; otherwise by itself.
Try "tributary <command> --help" for examples.`;

function addCommand(parent: Commander, name: string, command: Command, onCommand: OnCommand): void {
  const made = parent
    .command(name)
    .summary(command.about)
    .description(command.details ? `${command.about}\n\n${command.details}` : command.about);
  made.helpOption('--help', 'Show help').allowExcessArguments(false);
  for (const [key, { about, usage }] of Object.entries(command.args)) {
    const called = kebab(key);
    made.argument(usage === 'one' ? `<${called}>` : usage === 'maybe' ? `[${called}]` : `[${called}...]`, about);
  }
  for (const [key, { about, value, initial, read }] of Object.entries(command.options)) {
    const option = new CommanderOption(value === null ? `--${kebab(key)}` : `--${kebab(key)} ${value}`, about);
    if (value !== null) option.argParser((text: string, before: unknown) => read(text, before ?? initial));
    if (typeof initial === 'number') option.default(initial);
    made.addOption(option);
  }
  if (command.examples.length > 0) {
    const width = Math.max(...command.examples.map(([typed]) => typed.length));
    made.addHelpText(
      'after',
      `\nExamples:\n${command.examples.map(([typed, does]) => `  ${typed.padEnd(width)}  ${does}`).join('\n')}`,
    );
  }
  made.action(() => {
    const { dir, json } = made.optsWithGlobals();
    const globals = { dir: typeof dir === 'string' ? dir : null, json: json === true };
    const given = made.opts();
    const options = Object.fromEntries(
      Object.entries(command.options).map(([key, { initial }]) => [key, given[key] ?? initial]),
    );
    onCommand(command, made.processedArgs, options, globals);
  });
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The program and every command under it. */
export function everyCommand(program: Commander): readonly Commander[] {
  return [program, ...program.commands.flatMap(everyCommand)];
}
