/*
 * One door to the server: JSON in and out, the session's cookie, its CSRF token, problems as errors. Paths, what
 * they are asked with and what they answer are typed by the server's own description: `npm run client` makes
 * openapi.ts of docs/openapi.json.
 */
import { lang } from '../i18n';
import type { components, paths } from './openapi';

export type Schemas = components['schemas'];
type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type Path<M extends Method> = { [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never }[keyof paths];
type Json<C> = C extends { content: { 'application/json': infer B } } ? B : null;
type Answer<P extends keyof paths, M extends Method> = paths[P][M] extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202 | 204)]> : never;
type Body<P extends keyof paths, M extends Method> = paths[P][M] extends { requestBody?: infer B } ? Json<NonNullable<B>> : never;
type Asked<P extends keyof paths, M extends Method> = paths[P][M] extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;
/* Parameters: what is empty is not sent. Registers take f.KEY for each of their fields. */
export type Query<P extends keyof paths, M extends Method = 'get'> =
	{ [K in Exclude<keyof Asked<P, M>, 'f.KEY'>]?: Asked<P, M>[K] | (string extends Asked<P, M>[K] ? number : never) | '' | null } & ('f.KEY' extends keyof Asked<P, M> ? { [key: `f.${string}`]: string } : unknown);

/* A path whose {…} are filled in. */
declare const row: unique symbol;
export type Target<P extends keyof paths> = string & { readonly [row]: P };
type Holes<P> = P extends `${string}{${infer K}}${infer R}` ? { [k in K]: string | number } & Holes<R> : unknown;
type Plain<P> = P extends `${string}{${string}` ? never : P;

export function pathOf<P extends keyof paths>(path: P, holes: Holes<P>): Target<P> {
	return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String((holes as Record<string, string | number>)[name]))) as Target<P>;
}

export class Problem extends Error {
	constructor(readonly status: number, readonly code: string, detail: string, readonly field = '', readonly line = 0, readonly column = 0, readonly faults: Schemas['FormFault'][] = []) {
		super(detail);
	}
	/* Nothing came back at all. */
	get offline(): boolean { return this.status === 0; }
}

let csrf = '';
let onSignedOut: () => void = () => undefined;

export function setCsrf(token: string): void { csrf = token; }
export function whenSignedOut(f: () => void): void { onSignedOut = f; }

/* For what is not asked by get(): links, downloads, uploads. */
export function withQuery<P extends keyof paths>(path: Target<P> | (P & Plain<P>), query?: Query<P, 'get'> | Query<P, 'post'>): Target<P> {
	return queried(path, query) as Target<P>;
}

function queried(path: string, query: object = {}): string {
	const q = new URLSearchParams();

	for (const [key, value] of Object.entries(query))
		if (value !== undefined && value !== null && value !== '' && value !== false)
			q.set(key, value === true ? '1' : String(value));
	const text = q.toString();
	return text ? `${path}?${text}` : path;
}

function problemOf(status: number, statusText: string, body: string): Problem {
	try {
		const p = JSON.parse(body) as { code?: string; detail?: string; title?: string; field?: string; line?: number; column?: number; error?: string; errors?: Schemas['FormFault'][] };

		return new Problem(status, p.code ?? '', p.detail ?? p.error ?? p.title ?? statusText, p.field, p.line, p.column, p.errors);
	} catch {
		return new Problem(status, '', statusText || `HTTP ${status}`);
	}
}

async function ask(method: string, path: string, { body, version, signal }: { body?: unknown; version?: number; signal?: AbortSignal } = {}): Promise<Response> {
	const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': lang.value };
	let answer: Response;

	if (method !== 'GET')
		headers['X-CSRF-Token'] = csrf;
	if (body !== undefined)
		headers['Content-Type'] = 'application/json';
	if (version !== undefined)
		headers['If-Match'] = `"${version}"`;
	try {
		answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin', signal });
	} catch (e) {
		if (signal?.aborted)
			throw e;
		throw new Problem(0, 'offline', 'offline');
	}
	if (answer.status === 401 && !(method === 'POST' && path === '/api/v1/session'))
		onSignedOut();
	if (!answer.ok)
		throw problemOf(answer.status, answer.statusText, await answer.text());
	return answer;
}

async function call<T>(method: string, path: string, options?: { body?: unknown; version?: number; signal?: AbortSignal }): Promise<T> {
	const text = await (await ask(method, path, options)).text();

	return (text ? JSON.parse(text) : null) as T;
}

export const get = <P extends Path<'get'>>(path: Target<P> | (P & Plain<P>), query?: Query<P>, signal?: AbortSignal) => call<Answer<P, 'get'>>('GET', queried(path, query), { signal });
export const post = <P extends Path<'post'>>(path: Target<P> | (P & Plain<P>), body?: Body<P, 'post'>, version?: number) => call<Answer<P, 'post'>>('POST', path, { body: body ?? {}, version });
export const put = <P extends Path<'put'>>(path: Target<P> | (P & Plain<P>), body: Body<P, 'put'>, version?: number) => call<Answer<P, 'put'>>('PUT', path, { body, version });
export const patch = <P extends Path<'patch'>>(path: Target<P> | (P & Plain<P>), body: Body<P, 'patch'>) => call<Answer<P, 'patch'>>('PATCH', path, { body });
export const remove = <P extends Path<'delete'>>(path: Target<P> | (P & Plain<P>), version?: number) => call<Answer<P, 'delete'>>('DELETE', path, { version });

/* Bytes with a progress, which fetch cannot tell: 0 to 1. */
export function upload<P extends Path<'post'>>(path: Target<P>, file: Blob, progress: (share: number) => void): Promise<Answer<P, 'post'>> {
	return new Promise((done, fail) => {
		const x = new XMLHttpRequest();

		x.open('POST', path);
		x.setRequestHeader('Accept', 'application/json');
		x.setRequestHeader('Accept-Language', lang.value);
		x.setRequestHeader('Content-Type', 'application/octet-stream');
		x.setRequestHeader('X-CSRF-Token', csrf);
		x.upload.onprogress = (e) => progress(e.lengthComputable ? e.loaded / e.total : 0);
		x.onerror = () => fail(new Problem(0, 'offline', 'offline'));
		x.onload = () => {
			if (x.status === 401)
				onSignedOut();
			if (x.status >= 200 && x.status < 300)
				done(JSON.parse(x.responseText) as Answer<P, 'post'>);
			else
				fail(problemOf(x.status, x.statusText, x.responseText));
		};
		x.send(file);
	});
}

export function saveAs(content: Blob, name: string): void {
	const link = document.createElement('a');

	link.href = URL.createObjectURL(content);
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/* The server's name for the file if it tells one. With a body it is asked by POST. */
export async function download(path: string, otherwise: string, body?: unknown): Promise<void> {
	const answer = await ask(body === undefined ? 'GET' : 'POST', path, { body }), told = answer.headers.get('Content-Disposition') ?? '';
	const wide = /filename\*=UTF-8''([^;]+)/i.exec(told)?.[1], plain = /filename="?([^";]+)"?/i.exec(told)?.[1];

	saveAs(await answer.blob(), wide ? decodeURIComponent(wide) : plain ?? otherwise);
}
