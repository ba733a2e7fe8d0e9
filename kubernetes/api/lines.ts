/**
 * Cuts a stream of bytes into lines. A watch sends one JSON document a line, and a chunk of the network ends anywhere:
 * inside a line, inside a character. So bytes are cut first and decoded then, one line at a time.
 */
import { IsthmusError } from '../../runtime/errors.ts';

const LINE_FEED = 0x0a;

export class LineTooLongError extends IsthmusError {
  constructor(maxBytes: number) {
    super('line-too-long', `a line of the stream is longer than ${maxBytes} bytes`);
  }
}

export async function* linesOf(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let partBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const tail = chunk.subarray(start, end);
      start = end + 1;
      if (partBytes + tail.length > maxBytes) throw new LineTooLongError(maxBytes);
      const line = parts.length === 0 ? tail.toString('utf8') : Buffer.concat([...parts, tail]).toString('utf8');
      parts = [];
      partBytes = 0;
      if (line !== '') yield line;
    }
    if (start === chunk.length) continue;
    const rest = chunk.subarray(start);
    partBytes += rest.length;
    if (partBytes > maxBytes) throw new LineTooLongError(maxBytes);
    parts.push(rest);
  }
  // What is left without a line end was cut off by a broken connection: half a document is no document.
}
