/* One door to the server: JSON in and out, the session's cookie, its CSRF token, problems as errors. */
export class Problem extends Error {
	constructor(readonly status: number, readonly code: string, detail: string, readonly field = '', readonly line = 0) {
		super(detail);
	}
	/* Nothing came back at all. */
	get offline(): boolean { return this.status === 0; }
}

let csrf = '';
let onSignedOut: () => void = () => undefined;

export function setCsrf(token: string): void { csrf = token; }
export function whenSignedOut(f: () => void): void { onSignedOut = f; }

export type Query = Record<string, string | number | boolean | undefined | null>;

export function withQuery(path: string, query: Query = {}): string {
	const q = new URLSearchParams();

	for (const [key, value] of Object.entries(query))
		if (value !== undefined && value !== null && value !== '' && value !== false)
			q.set(key, value === true ? '1' : String(value));
	const text = q.toString();
	return text ? `${path}?${text}` : path;
}

function problemOf(status: number, statusText: string, body: string): Problem {
	try {
		const p = JSON.parse(body) as { code?: string; detail?: string; title?: string; field?: string; line?: number; error?: string };

		return new Problem(status, p.code ?? '', p.detail ?? p.error ?? p.title ?? statusText, p.field, p.line);
	} catch {
		return new Problem(status, '', statusText || `HTTP ${status}`);
	}
}

async function ask(method: string, path: string, { body, version, signal }: { body?: unknown; version?: number; signal?: AbortSignal } = {}): Promise<Response> {
	const headers: Record<string, string> = { Accept: 'application/json' };
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

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) => call<T>('GET', withQuery(path, query), { signal });
export const post = <T>(path: string, body: unknown = {}, version?: number) => call<T>('POST', path, { body, version });
export const put = <T>(path: string, body: unknown = {}, version?: number) => call<T>('PUT', path, { body, version });
export const patch = <T>(path: string, body: unknown = {}) => call<T>('PATCH', path, { body });
export const remove = <T>(path: string, version?: number) => call<T>('DELETE', path, { version });

/* Bytes with a progress, which fetch cannot tell: 0 to 1. */
export function upload<T>(path: string, file: Blob, progress: (share: number) => void): Promise<T> {
	return new Promise((done, fail) => {
		const x = new XMLHttpRequest();

		x.open('POST', path);
		x.setRequestHeader('Accept', 'application/json');
		x.setRequestHeader('Content-Type', 'application/octet-stream');
		x.setRequestHeader('X-CSRF-Token', csrf);
		x.upload.onprogress = (e) => progress(e.lengthComputable ? e.loaded / e.total : 0);
		x.onerror = () => fail(new Problem(0, 'offline', 'offline'));
		x.onload = () => {
			if (x.status === 401)
				onSignedOut();
			if (x.status >= 200 && x.status < 300)
				done(JSON.parse(x.responseText) as T);
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

/* The server's name for the file if it tells one. */
export async function download(path: string, otherwise: string): Promise<void> {
	const answer = await ask('GET', path), told = answer.headers.get('Content-Disposition') ?? '';
	const wide = /filename\*=UTF-8''([^;]+)/i.exec(told)?.[1], plain = /filename="?([^";]+)"?/i.exec(told)?.[1];

	saveAs(await answer.blob(), wide ? decodeURIComponent(wide) : plain ?? otherwise);
}
