/** SFTP 3 (draft-ietf-secsh-filexfer-02) on one folder: reading, and nothing outside of it. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import ssh2, { type Attributes, type FileEntry, type SFTPWrapper } from 'ssh2';

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;

const MOST_HANDLES = 32;
const MOST_BYTES = 256 * 1024;
const NAMES_AT_ONCE = 100;

type Handle = { readonly file: FileHandle } | { readonly names: string[]; readonly path: string };

class Refused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`refused with status ${status}`);
    this.status = status;
  }
}

/** Answers one session until it ends. What would write is refused. */
export function serveFolder(sftp: SFTPWrapper, folder: string): void {
  const handles = new Map<number, Handle>();
  let last = 0;
  const opened = (handle: Handle): Buffer => {
    last += 1;
    handles.set(last, handle);
    const name = Buffer.alloc(4);
    name.writeUInt32BE(last);
    return name;
  };
  const numberOf = (name: Buffer): number => (name.length === 4 ? name.readUInt32BE() : 0);
  const handleOf = (name: Buffer): Handle => {
    const handle = handles.get(numberOf(name));
    if (!handle) throw new Refused(STATUS_CODE.FAILURE);
    return handle;
  };
  const fileOf = (name: Buffer): FileHandle => {
    const handle = handleOf(name);
    if (!('file' in handle)) throw new Refused(STATUS_CODE.FAILURE);
    return handle.file;
  };
  const answer = (request: number, work: () => Promise<void>): void => {
    work().catch((thrown: unknown) => sftp.status(request, statusOf(thrown)));
  };
  const refuseIfFull = (): void => {
    if (handles.size >= MOST_HANDLES) throw new Refused(STATUS_CODE.FAILURE);
  };

  sftp.on('REALPATH', (request, path) => {
    const shown = shownPath(path);
    sftp.name(request, [{ filename: shown, longname: shown, attrs: NO_ATTRIBUTES }]);
  });
  for (const kind of ['STAT', 'LSTAT'] as const)
    sftp.on(kind, (request: number, path: string) =>
      answer(request, async () => sftp.attrs(request, attributesOf(await lstat(await inside(folder, path))))),
    );
  sftp.on('OPENDIR', (request, path) =>
    answer(request, async () => {
      refuseIfFull();
      const real = await inside(folder, path);
      sftp.handle(request, opened({ names: await readdir(real), path: real }));
    }),
  );
  sftp.on('READDIR', (request, name) =>
    answer(request, async () => {
      const handle = handleOf(name);
      if (!('names' in handle)) throw new Refused(STATUS_CODE.FAILURE);
      while (handle.names.length > 0) {
        const entries = await entriesOf(handle.path, handle.names.splice(0, NAMES_AT_ONCE));
        if (entries.length > 0) return sftp.name(request, entries);
      }
      sftp.status(request, STATUS_CODE.EOF);
    }),
  );
  sftp.on('OPEN', (request, path, flags) =>
    answer(request, async () => {
      if (flags !== OPEN_MODE.READ) throw new Refused(STATUS_CODE.PERMISSION_DENIED);
      refuseIfFull();
      const real = await inside(folder, path);
      if (!(await lstat(real)).isFile()) throw new Refused(STATUS_CODE.NO_SUCH_FILE);
      sftp.handle(request, opened({ file: await open(real, constants.O_RDONLY | constants.O_NOFOLLOW) }));
    }),
  );
  sftp.on('FSTAT', (request, name) =>
    answer(request, async () => sftp.attrs(request, attributesOf(await fileOf(name).stat()))),
  );
  sftp.on('READ', (request, name, offset, length) =>
    answer(request, async () => {
      const wanted = Buffer.alloc(Math.min(length, MOST_BYTES));
      const { bytesRead } = await fileOf(name).read(wanted, 0, wanted.length, offset);
      if (bytesRead === 0) sftp.status(request, STATUS_CODE.EOF);
      else sftp.data(request, wanted.subarray(0, bytesRead));
    }),
  );
  sftp.on('CLOSE', (request, name) =>
    answer(request, async () => {
      const handle = handleOf(name);
      handles.delete(numberOf(name));
      if ('file' in handle) await handle.file.close();
      sftp.status(request, STATUS_CODE.OK);
    }),
  );
  for (const kind of ['WRITE', 'SETSTAT', 'FSETSTAT', 'REMOVE', 'RMDIR', 'MKDIR', 'RENAME', 'SYMLINK'] as const)
    sftp.on(kind, (request: number) => sftp.status(request, STATUS_CODE.PERMISSION_DENIED));
  sftp.on('READLINK', (request) => sftp.status(request, STATUS_CODE.OP_UNSUPPORTED));
  sftp.on('error', () => undefined); // It spoke something else; the session ends.
  sftp.once('close', () => {
    for (const handle of handles.values()) if ('file' in handle) handle.file.close().catch(() => undefined);
    handles.clear();
  });
}

/** A path as the other side sees it: the folder is `/`, and there is nothing above. */
const shownPath = (path: string): string => posix.resolve('/', path);

/** Where it really is. Links are not followed: a path with one in it is no path of the folder. */
async function inside(folder: string, path: string): Promise<string> {
  if (path.includes('\0')) throw new Refused(STATUS_CODE.NO_SUCH_FILE);
  const root = await realpath(folder);
  const wanted = join(root, ...shownPath(path).split('/'));
  const real = await realpath(wanted);
  if (real !== wanted || (real !== root && !real.startsWith(root + sep))) throw new Refused(STATUS_CODE.NO_SUCH_FILE);
  return real;
}

async function entriesOf(folder: string, names: readonly string[]): Promise<FileEntry[]> {
  const found = await Promise.all(
    names.map(async (filename) => {
      const stats = await lstat(join(folder, filename)).catch(() => null); // Gone meanwhile.
      if (!stats || !(stats.isFile() || stats.isDirectory())) return [];
      const type = stats.isDirectory() ? 'drwxr-xr-x' : '-rw-r--r--';
      const longname = `${type} 1 supplier supplier ${stats.size} ${stats.mtime.toISOString().slice(0, 10)} ${filename}`;
      return [{ filename, longname, attrs: attributesOf(stats) }];
    }),
  );
  return found.flat();
}

const NO_ATTRIBUTES: Attributes = { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };

const attributesOf = ({ mode, size, atimeMs, mtimeMs }: Stats): Attributes => ({
  ...{ mode, uid: 0, gid: 0, size },
  ...{ atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) },
});

function statusOf(thrown: unknown): number {
  if (thrown instanceof Refused) return thrown.status;
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' ? STATUS_CODE.NO_SUCH_FILE : STATUS_CODE.FAILURE;
}
