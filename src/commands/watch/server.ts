/**
 * @file Serves the report of a sweep on this machine, and tells when it changed. Only who has the link is served: its token is 128 random bits,
 * and the name by which a browser asks must be this machine's, so that no other site can have a browser ask for it (DNS rebinding).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import fs from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../errors.js';
import { contentHash } from '../../report/policy.js';

export interface Content {
  /** Where the sweep stands, for the page: JSON. */
  status(): string;
  /** Number of the newest report that is made; undefined before the first. */
  version(): number | undefined;
  /** That report. */
  report(): string | undefined;
}

export interface Server {
  url: string;
  /** How many pages listen. */
  listeners(): number;
  /** Tells all that listen. */
  send(event: 'status' | 'report', data: string): void;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const PAGE = fileURLToPath(new URL('../../../src/report/watch/watch.html', import.meta.url));
/** Keeps a connection that nothing happens on, in milliseconds. */
const STILL_HERE = 15_000;

/** @throws UserError if the port is taken */
export async function serve(port: number, content: Content): Promise<Server> {
  const token = randomBytes(16).toString('hex');
  const listening = new Set<http.ServerResponse>();
  const page = fs.readFileSync(PAGE, 'utf8').replaceAll('\r\n', '\n');
  const policy = policyOf(page);
  let names: string[] = [];

  const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { pathname } = new URL(request.url ?? '/', `http://${HOST}`);
    const [, given = '', what] = /^\/([^/]*)(?:\/(.*))?$/.exec(pathname) ?? [];
    const refuse = (code: number, text: string) => send(response, code, text, 'text/plain');
    if (!names.includes(request.headers.host ?? '') || !isSame(given, token)) return refuse(403, 'Only the link that sweep watch prints is served.\n'); // prettier-ignore
    if (request.method !== 'GET') return refuse(405, 'Only GET is served.\n');
    if (what === '') return send(response, 200, page, 'text/html', policy);
    if (what === 'events') return listen(response);
    const report = what === 'report' ? content.report() : undefined;
    if (report === undefined) return refuse(404, 'There is no such page.\n');
    // Its own policy, in the page, forbids it all requests.
    send(response, 200, report, 'text/html', "frame-ancestors 'self'");
  };

  const listen = (response: http.ServerResponse) => {
    response.writeHead(200, headers('text/event-stream'));
    listening.add(response);
    response.on('close', () => listening.delete(response));
    write(response, 'status', content.status());
    const version = content.version();
    if (version !== undefined) write(response, 'report', String(version));
  };

  const server = http.createServer(answer);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE' || error.code === 'EACCES'
          ? new UserError(`Port ${port} cannot be used (${error.code}). Without --port a free one is taken.`)
          : error,
      ),
    );
    server.listen(port, HOST, resolve);
  });
  const { port: chosen } = server.address() as AddressInfo;
  names = [`${HOST}:${chosen}`, `localhost:${chosen}`];
  const timer = setInterval(() => listening.forEach((each) => each.write(':\n\n')), STILL_HERE);
  return {
    url: `http://${HOST}:${chosen}/${token}/`,
    listeners: () => listening.size,
    send: (event, data) => listening.forEach((each) => write(each, event, data)),
    async close() {
      clearInterval(timer);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The page may run its own script, show reports of this server, and listen to it; nothing else. */
function policyOf(page: string): string {
  const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '';
  return [
    "default-src 'none'",
    `script-src '${contentHash(script)}'`,
    "style-src 'unsafe-inline'",
    "connect-src 'self'",
    "frame-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function headers(type: string, policy = "default-src 'none'"): http.OutgoingHttpHeaders {
  return {
    'Content-Type': `${type}; charset=utf-8`,
    'Content-Security-Policy': policy,
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
  };
}

function send(
  response: http.ServerResponse,
  code: number,
  text: string,
  type: string,
  policy?: string,
): void {
  response.writeHead(code, headers(type, policy)).end(text);
}

function write(response: http.ServerResponse, event: string, data: string): void {
  response.write(`event: ${event}\ndata: ${data}\n\n`);
}

/** In a time that tells nothing of how much is right. */
function isSame(a: string, b: string): boolean {
  const [x, y] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(x!, y!);
}
