/** Moves files that have been loaded out of the way. Off unless `archive` is set. */
import type { ConnectionContext } from '../../src/connector/index.ts';
import { type FeedState, type FileMark, isDone } from './cursor.ts';
import { type DeliveryRules, findDeliveries, isSame, markerOf } from './delivery.ts';
import type { FileStat, Folder } from './folder.ts';

type Archive = { readonly folder: Folder; readonly rules: DeliveryRules; readonly context: ConnectionContext };

/** Moves one file and its marker into the archive. May be called again: a file that is gone or was replaced stays as it is. */
export async function archiveFile({ folder, rules, context }: Archive, done: FileMark): Promise<void> {
  const { archive } = rules.settings;
  if (archive === undefined) return;
  const now = await folder.stat(done.file);
  if (!isSame({ name: done.file, size: done.size, modifiedMs: done.modifiedMs }, now)) return;
  for (const target of targets(done)) {
    if (await folder.move(done.file, archive, target)) {
      context.log.debug({ file: done.file, archive: `${archive}/${target}` }, 'moved into the archive');
      break;
    }
  }
  const marker = markerOf(done.file, rules);
  if (marker !== null && rules.marker?.name.includes('{file}')) {
    for (const target of targets({ ...done, file: marker })) if (await folder.move(marker, archive, target)) break;
  }
}

/** Moves what an earlier run had committed but, having died, not moved. */
export async function archiveDone(
  pass: Archive & { readonly state: FeedState; readonly listed: ReadonlyMap<string, FileStat> },
): Promise<void> {
  const { rules, state, listed } = pass;
  if (rules.settings.archive === undefined) return;
  for (const file of findDeliveries([...listed.values()], rules)) {
    const known = state.files.get(file.name);
    if (known !== undefined && known.hash !== '' && isDone(state, file)) await archiveFile(pass, known);
  }
}

/** Its own name; with the content's hash when that is taken; with a number when even that is. */
function* targets(done: FileMark): Generator<string> {
  const dot = done.file.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [done.file.slice(0, dot), done.file.slice(dot)] : [done.file, ''];
  yield done.file;
  const hash = done.hash.replace(/[^A-Za-z0-9]/g, '').slice(0, 8);
  yield `${stem}.${hash}${extension}`;
  for (let number = 2; number < 100; number++) yield `${stem}.${hash}-${number}${extension}`;
}
