/* One door to the server: JSON in and out, the session's cookie, its CSRF token, problems as errors. */
export class Problem extends Error {
	constructor(readonly status: number, readonly code: string, detail: string, readonly field = '') {
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

async function problem(answer: Response): Promise<Problem> {
	try {
		const p = await answer.json() as { code?: string; detail?: string; title?: string; field?: string; error?: string };

		return new Problem(answer.status, p.code ?? '', p.detail ?? p.error ?? p.title ?? answer.statusText, p.field);
	} catch {
		return new Problem(answer.status, '', answer.statusText || `HTTP ${answer.status}`);
	}
}

async function call<T>(method: string, path: string, body?: unknown, version?: number): Promise<T> {
	const headers: Record<string, string> = { Accept: 'application/json' };
	let answer: Response;

	if (method !== 'GET')
		headers['X-CSRF-Token'] = csrf;
	if (body !== undefined)
		headers['Content-Type'] = 'application/json';
	if (version !== undefined)
		headers['If-Match'] = `"${version}"`;
	try {
		answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin' });
	} catch {
		throw new Problem(0, 'offline', 'offline');
	}
	if (answer.status === 401 && !(method === 'POST' && path === '/api/v1/session'))
		onSignedOut();
	if (!answer.ok)
		throw await problem(answer);
	const text = await answer.text();
	return (text ? JSON.parse(text) : null) as T;
}

export const get = <T>(path: string, query?: Query) => call<T>('GET', withQuery(path, query));
export const post = <T>(path: string, body: unknown = {}, version?: number) => call<T>('POST', path, body, version);
export const put = <T>(path: string, body: unknown = {}) => call<T>('PUT', path, body);
export const patch = <T>(path: string, body: unknown = {}) => call<T>('PATCH', path, body);
export const remove = <T>(path: string) => call<T>('DELETE', path);
