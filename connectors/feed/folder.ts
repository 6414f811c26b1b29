/** What the feed connector needs of a folder, wherever it is. */
export type FileStat = {
  readonly name: string;
  readonly size: number;
  readonly modifiedMs: number;
};

export type Folder = {
  /** How messages name it. */
  readonly title: string;
  /** Whether modification times come from this machine's clock. */
  readonly isLocal: boolean;
  /** Plain files of the folder itself. Names that could lead out of it are left out and reported to the log. */
  list(): Promise<readonly FileStat[]>;
  /** `null`: there is no such file (any more). */
  stat(name: string): Promise<FileStat | null>;
  /** Bytes from `start` on. @throws ERR_CONNECTOR_UNREACHABLE when the connection breaks */
  read(name: string, start: number, end: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Moves a file into a folder below, under `target`; false: the target exists. */
  move(name: string, folder: string, target: string): Promise<boolean>;
  close(): Promise<void>;
};

/** Thrown by `read` when the file is gone; not an error of the feed. */
export class VanishedFile extends Error {
  constructor(name: string) {
    super(`${name} is gone`);
    this.name = 'VanishedFile';
  }
}
