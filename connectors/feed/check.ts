/** What an operator wants to know of a feed connection before the first run. Reads nothing but a list and headers. */
import { type CheckFinding, type ConnectionContext, probe } from '../../src/connector/index.ts';
import type { FeedConfig, StreamSettings } from './config.ts';
import { MOST_FILES } from './cursor.ts';
import { type Delivery, deliveryRules, findDeliveries, markerOf } from './delivery.ts';
import type { FileStat, Folder } from './folder.ts';
import { FILE_START, type Input } from './formats/format.ts';
import { formatOf } from './formats/index.ts';

const HEAD_BYTES = 256 * 1024;

export function checkFeed(
  folder: Folder,
  config: FeedConfig,
  context: ConnectionContext,
): Promise<readonly CheckFinding[]> {
  return probe(async () => {
    const files = await folder.list();
    const findings: CheckFinding[] = [
      { subject: 'reach', ok: true, message: `${folder.title} can be read; ${count(files.length, 'file')} in it.` },
    ];
    if (!folder.isLocal)
      findings.push({
        subject: 'credentials',
        ok: true,
        message: 'The server shows the pinned host key and takes the credentials.',
      });
    for (const [name, settings] of Object.entries(config.streams))
      findings.push(await checkStream({ folder, files, context }, name, settings));
    return findings;
  });
}

type Look = { readonly folder: Folder; readonly files: readonly FileStat[]; readonly context: ConnectionContext };

async function checkStream(look: Look, name: string, settings: StreamSettings): Promise<CheckFinding> {
  const subject = `stream:${name}`;
  const rules = deliveryRules(settings);
  const found = findDeliveries(look.files, rules);
  const newest = found.at(-1);
  const patterns = rules.sets.map((set) => set.pattern.text).join(', ');
  if (newest === undefined)
    return { subject, ok: true, message: `No file named ${patterns} is there yet.${loneMarkers(look, settings)}` };
  const wrongDate = found.find((file) => Number.isNaN(file.namedAsOfMs));
  if (wrongDate !== undefined) {
    return {
      subject,
      ok: false,
      message: `The date in the name ${wrongDate.name} is not one of the format ${settings.asOf}.`,
      remedy: 'Correct asOf of the stream.',
    };
  }
  if (found.length > MOST_FILES) {
    const message = `${found.length} files lie in the folder; only the ${MOST_FILES} last dealt with are told apart from late ones.`;
    return { subject, ok: false, message, remedy: 'Set archive: done, or have old files removed.' };
  }
  const marker = markerOf(newest.name, rules);
  const isMarked = marker === null || look.files.some((file) => file.name === marker);
  const head = await readHeader(look, newest, settings);
  if (typeof head === 'string')
    return {
      subject,
      ok: false,
      message: `${newest.name}: ${head}`,
      remedy: 'Correct the file, or the format settings of the stream.',
    };
  const waits = isMarked ? '' : ` It waits for its marker ${marker}.`;
  return {
    subject,
    ok: true,
    message: `${count(found.length, 'file')} named ${patterns}; newest ${newest.name} (${newest.size} bytes), columns ${head.join(', ')}.${waits}`,
  };
}

function loneMarkers({ files }: Look, settings: StreamSettings): string {
  const rules = deliveryRules(settings);
  const [before = '', after] = rules.marker?.name.split('{file}') ?? [];
  if (rules.marker === null) return '';
  const lone = files.find((file) =>
    after === undefined ? file.name === before : file.name.startsWith(before) && file.name.endsWith(after),
  );
  return lone === undefined ? '' : ` The marker ${lone.name} is there without its file.`;
}

async function readHeader(
  { folder, context }: Look,
  file: Delivery,
  settings: StreamSettings,
): Promise<readonly string[] | string> {
  const size = Math.min(file.size, HEAD_BYTES);
  const input: Input = {
    name: file.name,
    size,
    bytes: (start, end, signal) => folder.read(file.name, start, end, signal),
  };
  const { footer: _, ...others } = settings;
  const batches = formatOf(settings.format).read({
    ...{ input, settings: others, about: {}, from: FILE_START, columnsBefore: [], pageSize: 1, signal: context.signal },
  });
  for await (const batch of batches) {
    const header = batch.place.context?.['header'];
    if (Array.isArray(header)) return header.map(String);
    return batch.problems[0]?.message ?? 'it has no header';
  }
  return 'it has no header';
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
