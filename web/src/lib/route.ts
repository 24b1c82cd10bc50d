/* Where we are, in the address' hash: #/cases/12?state=open. */
import { reactive } from 'vue';

export interface Route { page: string; id: string; query: Record<string, string> }

export function parseHash(hash: string): Route {
	const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
	const [page = '', ...rest] = path.split('/');

	return { page: page || 'duty', id: decodeURIComponent(rest.join('/')), query: Object.fromEntries(new URLSearchParams(search)) };
}

export function hashFor(page: string, id = '', query: Record<string, string> = {}): string {
	const kept = Object.entries(query).filter(([, v]) => v !== '');
	const search = kept.length ? `?${new URLSearchParams(kept).toString()}` : '';

	return `#/${page}${id ? `/${encodeURIComponent(id)}` : ''}${search}`;
}

export const route = reactive<Route>(parseHash(typeof location === 'undefined' ? '' : location.hash));

if (typeof window !== 'undefined')
	window.addEventListener('hashchange', () => Object.assign(route, parseHash(location.hash)));

export function go(page: string, id = '', query: Record<string, string> = {}): void {
	location.hash = hashFor(page, id, query);
}
/* The same page with other words in its query, without a new step in the browser's history. */
export function stay(query: Record<string, string>): void {
	history.replaceState(null, '', hashFor(route.page, route.id, query));
	route.query = query;
}
