/**
 * What client and program say to each other on the control socket: one JSON value a line. The client sends a request, then
 * perhaps a cancel or answers; the program greets, then sends output until the exit code.
 */
import type { Socket } from 'node:net';
import type { Progress } from './context.ts';

/** Raised when lines change their meaning. */
export const PROTOCOL = 1;

export type Request = {
  readonly type: 'request';
  readonly protocol: number;
  readonly version: string;
  /** The store the client means: that of its configuration. */
  readonly store: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly isTty: boolean;
  readonly canAnswer: boolean;
  readonly columns: number;
  readonly width: number | null;
};
export type FromClient =
  | Request
  | { readonly type: 'cancel' }
  | { readonly type: 'answer'; readonly text: string | null };
export type FromProgram =
  | {
      readonly type: 'hello';
      readonly protocol: number;
      readonly version: string;
      readonly store: string;
      readonly pid: number;
    }
  | { readonly type: 'out' | 'err'; readonly text: string }
  | { readonly type: 'progress'; readonly now: Progress | null }
  | { readonly type: 'ask'; readonly question: string }
  | { readonly type: 'exit'; readonly code: number };

const NEWLINE = 0x0a;

/** Lines of a socket, parsed; reading stops while nobody takes them. A line beyond `maxBytes` ends it. */
export async function* readLines(socket: Socket, maxBytes: number): AsyncGenerator<unknown> {
  let rest: Buffer[] = [];
  let held = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, at)]).toString('utf8');
      rest = [];
      held = 0;
      from = at + 1;
      yield JSON.parse(line);
    }
    if (from === chunk.length) continue;
    rest.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > maxBytes) throw new RangeError(`a line of more than ${maxBytes} bytes`);
  }
}

/** Sends a line; resolves when the socket has room for more, or is gone. */
export function writeLine(socket: Socket, value: FromClient | FromProgram): Promise<void> {
  if (socket.destroyed || !socket.writable) return Promise.resolve();
  if (socket.write(`${JSON.stringify(value)}\n`)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}
