import pg from 'pg';

const SLICE = 1 << 16;
const HEAD_BYTES = 5;
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;

/**
 * Sends a COPY and its bytes at once, without waiting for the server to ask for them: it reads one after the other, and
 * passes over what belongs to a COPY that it refused. @param bytes not to be changed any more
 */
export function copyInto(client: pg.PoolClient, statement: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyQuery(statement, bytes, (error) => (error ? reject(error) : resolve())));
  });
}

class CopyQuery extends pg.Query {
  constructor(statement: string, bytes: Uint8Array, done: (error: Error | undefined) => void) {
    super(statement, done);
    this.submit = (connection) => {
      const { stream } = connection;
      stream.cork();
      connection.query(statement);
      for (let at = 0; at < bytes.length; at += SLICE) {
        const slice = bytes.subarray(at, at + SLICE);
        stream.write(head(COPY_DATA, slice.length));
        stream.write(slice);
      }
      stream.write(head(COPY_DONE, 0));
      stream.uncork();
    };
  }

  /** The bytes are on their way already. */
  handleCopyInResponse(): void {}
}

function head(type: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES);
  bytes[0] = type;
  bytes.writeUInt32BE(length + HEAD_BYTES - 1, 1);
  return bytes;
}
