/** Writes docs/cli.md from what the commands say of themselves: node src/cli/document.ts */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { parseArguments } from './program.ts';
import { start } from './start.ts';

export const ALL_COMMANDS: readonly Command[] = [start, ...COMMANDS];
export const CLI_PAGE = fileURLToPath(new URL('../../docs/cli.md', import.meta.url));

const COLUMNS = 110;

const INTRO = `# Command line

Made from the commands' own help by \`node src/cli/document.ts\`; \`tributary <command> --help\` shows the same.
In a checkout it is called \`npm run -s tributary -- <command>\`.

- **Results go to stdout**, everything else (progress, advice, errors) to stderr. \`--json\` gives results as JSON, and errors
  as \`{"error": {"code", "message", "remedy", "evidence"}}\`, on stdout. It is one document: what goes wrong after it
  stands in words on stderr.
- **Exit codes**: 0 succeeded · 1 failed or cancelled · 2 usage or configuration · 3 needs a person: incomplete, held, or new dead letters.
- **With the program running** (\`tributary start\`) in the folder, every command works through it, over the socket
  \`.tributary/control.sock\` (mode 0600; where that path is too long for a socket, \`.tributary/control.json\` names another). The
  very same command runs there. Ctrl-C ends the command, not the program. Without the program a command opens the store itself.
- **Lists** take \`--limit\`, \`--page\` and filters.
- Two stores hold the same when their exports do: \`diff <(tributary export product) <(tributary export product --dir other)\`.
`;

/** The page as it should be. */
export function cliPage(commands: readonly Command[] = ALL_COMMANDS): string {
  const help = (words: readonly string[]) => {
    const parsed = parseArguments([...words, '--help'], commands, COLUMNS);
    return parsed.kind === 'text' ? parsed.text.trimEnd() : '';
  };
  const sections = commands.map(({ path }) => `## tributary ${path}\n\n\`\`\`text\n${help(path.split(' '))}\n\`\`\`\n`);
  return `${INTRO}\n\`\`\`text\n${help([])}\n\`\`\`\n\n${sections.join('\n')}`;
}

if (import.meta.main) await writeFile(CLI_PAGE, cliPage());
