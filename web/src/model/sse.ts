// SPDX-License-Identifier: MIT
// sse.ts - the text/event-stream format: fields by line, an empty line ends an event, ':' begins a comment.

const LINE_MAX = 1 << 20;

export class SseReader {
  private rest = '';
  private name = '';
  private data: string[] = [];

  constructor(private readonly emit: (name: string, data: string) => void) {}

  push(chunk: string): void {
    this.rest += chunk;
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!end) break;
      this.line(this.rest.slice(0, end.index));
      this.rest = this.rest.slice(end.index + end[0].length);
    }
    if (this.rest.length > LINE_MAX) this.rest = '';
  }

  private line(line: string): void {
    if (line === '') {
      if (this.data.length > 0) this.emit(this.name || 'message', this.data.join('\n'));
      this.name = '';
      this.data = [];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.name = value;
    if (field === 'data') this.data.push(value);
  }
}
