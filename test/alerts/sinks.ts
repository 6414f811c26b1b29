/** Real servers on localhost that take what alerts send. */
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';

export type HttpSink = AsyncDisposable & {
  readonly url: string;
  readonly bodies: unknown[];
  status: number;
  isSilent: boolean;
};

export async function httpSink(): Promise<HttpSink> {
  const sink = { bodies: [] as unknown[], status: 200, isSilent: false };
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    request.on('end', () => {
      if (sink.isSilent) return;
      if (sink.status < 300) sink.bodies.push(JSON.parse(text));
      response.writeHead(sink.status).end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return Object.assign(sink, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/T0/SECRETPART`,
    [Symbol.asyncDispose]: close,
  });
}

export type SmtpSink = AsyncDisposable & {
  readonly port: number;
  readonly letters: Letter[];
};

type Letter = { from: string; to: string; text: string };

const address = (line: string): string => /<(.*?)>/.exec(line)?.[1] ?? '';

/** Answers by verb. Real servers quote what they were sent when they refuse it. */
const ANSWERS: Readonly<Record<string, (line: string, letter: Letter) => string>> = {
  EHLO: () => '250-sink\r\n250 AUTH PLAIN',
  AUTH: (line) =>
    `535 refused: ${Buffer.from(line.slice('AUTH PLAIN '.length), 'base64').toString().replaceAll('\0', ' ')}`,
  MAIL: (line, letter) => {
    letter.from = address(line);
    return '250 ok';
  },
  RCPT: (line, letter) => {
    letter.to = address(line);
    return '250 ok';
  },
  DATA: () => '354 go on',
  QUIT: () => '221 bye',
};

/** As much of RFC 5321 as a client needs to hand a letter over; no account is let in. */
export async function smtpSink(): Promise<SmtpSink> {
  const letters: Letter[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let letter: Letter = { from: '', to: '', text: '' };
    let isBody = false;
    let rest = '';
    const say = (line: string) => socket.write(`${line}\r\n`);
    const take = (line: string) => {
      if (!isBody) {
        const verb = line.slice(0, 4).toUpperCase();
        isBody = verb === 'DATA';
        say(ANSWERS[verb]?.(line, letter) ?? '250 ok');
      } else if (line === '.') {
        letters.push(letter);
        letter = { from: '', to: '', text: '' };
        isBody = false;
        say('250 taken');
      } else letter.text += `${line}\n`;
    };
    socket.setEncoding('utf8').on('data', (part: string) => {
      const lines = (rest + part).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(line);
    });
    say('220 sink');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    letters,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
