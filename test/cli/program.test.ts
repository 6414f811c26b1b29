import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../src/cli/context.ts';
import { ALL_COMMANDS, CLI_PAGE, cliPage } from '../../src/cli/document.ts';
import { invoke } from '../../src/cli/invoke.ts';
import { parseArguments } from '../../src/cli/program.ts';
import { firstWord, PROGRAM_WORDS } from '../../src/cli/quick-call.ts';
import { VERSION } from '../../src/cli/version.ts';
import { TributaryError } from '../../src/errors.ts';

const parse = (...argv: string[]) => parseArguments(argv, ALL_COMMANDS);

describe('help', () => {
  it('is what docs/cli.md says (else: node src/cli/document.ts)', async () => {
    expect(await readFile(CLI_PAGE, 'utf8')).toBe(cliPage());
  });

  it.each(ALL_COMMANDS.map(({ path }) => path))(
    'of %s has a sentence, examples that parse, and the global options',
    (path) => {
      const parsed = parse(...path.split(' '), '--help');
      const command = ALL_COMMANDS.find((one) => one.path === path);
      expect(parsed).toMatchObject({ kind: 'text', exit: 0 });
      const text = parsed.kind === 'text' ? parsed.text : '';
      for (const part of [`tributary ${path}`, command?.about.split(' ')[0], 'Examples:', '--dir <folder>', '--json'])
        expect(text).toContain(part);
      for (const [typed] of command?.examples ?? []) {
        const words =
          (typed.split(' > ')[0] ?? '').match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? [];
        expect(words[0]).toBe('tributary');
        expect(parse(...words.slice(1)), typed).toMatchObject({
          kind: 'command',
          command: {
            path: words
              .slice(1, 1 + (parse(...words.slice(1)) as { command: { path: string } }).command.path.split(' ').length)
              .join(' '),
          },
        });
      }
    },
  );

  it('of a group lists its commands on the way to exit code 2', () => {
    expect(parse('runs')).toMatchObject({ kind: 'text', exit: 2, text: expect.stringContaining('approve') });
  });

  it('of nothing at all is the whole program', () => {
    expect(parse()).toMatchObject({ kind: 'text', exit: 2, text: expect.stringContaining('doctor') });
    expect(parse('--help')).toMatchObject({ kind: 'text', exit: 0, text: expect.stringContaining('Exit codes') });
  });
});

describe('a command that fails', () => {
  it.each([0, 1])('says one JSON document, after %i of its own', async (told) => {
    const said = { out: '', err: '' };
    const say = (where: keyof typeof said) => async (text: string) => {
      said[where] += text;
    };
    const context = {
      json: true,
      signal: new AbortController().signal,
      out: say('out'),
      err: say('err'),
      progress: () => undefined,
    } as unknown as CommandContext;
    const run = async ({ out }: CommandContext) => {
      if (told > 0) await out('{"address": "here"}\n');
      throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'Nobody logged in.');
    };
    expect(await invoke({ command: { run } as never, args: [], options: {} }, context)).toBe(1);
    expect(Object.keys(JSON.parse(said.out))).toEqual([told > 0 ? 'address' : 'error']);
    expect(said.err.includes('Nobody logged in.')).toBe(told > 0);
  });
});

describe('arguments', () => {
  it('gives the version', () => {
    expect(parse('--version')).toEqual({ kind: 'text', exit: 0, text: `${VERSION}\n` });
  });

  it('takes global options before and after the command', () => {
    for (const argv of [
      ['--json', '--dir', 'x', 'runs', 'list'],
      ['runs', 'list', '--dir', 'x', '--json'],
    ]) {
      expect(parse(...argv)).toMatchObject({ kind: 'command', globals: { json: true, dir: 'x' } });
    }
  });

  it('fills options that were not given', () => {
    expect(parse('runs', 'list')).toMatchObject({ options: { limit: 20, page: 1, state: [], connection: undefined } });
    expect(parse('sync')).toMatchObject({ args: [[]], options: { full: false, remap: false } });
  });

  it('joins an option that is given several times, and its commas', () => {
    expect(parse('runs', 'list', '--state', 'failed,held', '--state', 'running')).toMatchObject({
      options: { state: ['failed', 'held', 'running'] },
    });
  });

  it.each([
    [['nonsense'], "Unknown command 'nonsense'"],
    [['runz', 'list'], 'Did you mean runs?'],
    [['sync', '--ful'], "Unknown option '--ful'"],
    [['export'], "Missing required argument 'entity'"],
    [['keys', 'create', 'a', 'b'], 'Too many arguments'],
    [['runs', 'list', '--limit', 'many'], '<n> must be a whole number from 1, not "many"'],
    [['runs', 'list', '--limit', '0'], '<n> must be a whole number from 1, not "0"'],
    [['records', 'list', 'a/b', '--state', 'odd'], '<state> must be one of live, filtered, dead, deleted'],
  ])('refuses %j in words', (argv, words) => {
    const attempt = () => parse(...argv);
    expect(attempt).toThrow(TributaryError);
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'ERR_CLI_USAGE', message: expect.stringContaining(words) }),
    );
  });
});

describe('the short way into the program', () => {
  it('knows the commands that run there', () => {
    const words = ALL_COMMANDS.filter(({ where }) => where === 'program' || where === 'anyhow').map(
      ({ path }) => path.split(' ')[0],
    );
    expect(new Set(words)).toEqual(PROGRAM_WORDS);
  });

  it.each([
    [['runs', 'list'], 'runs'],
    [['--json', '--dir', 'sync', 'export', 'stock'], 'export'],
    [['runs', 'list', '--help'], null],
    [['--version'], null],
    [[], null],
  ])('finds the first word of %j', (argv, word) => {
    expect(firstWord(argv)).toBe(word);
  });
});
