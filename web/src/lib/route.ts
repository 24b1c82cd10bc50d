/* Where we are, in the address' hash: #/cases/12?state=open. An id may have slashes. */
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

	return `#/${page}${id ? `/${id.split('/').map(encodeURIComponent).join('/')}` : ''}${search}`;
}

export const route = reactive<Route>(parseHash(typeof location === 'undefined' ? '' : location.hash));

/* A page with unsaved work is asked before it is left; it may go on by itself later. */
type Guard = (goOn: () => void) => boolean;
let guard: Guard | null = null;
export function guardLeaving(g: Guard | null): void { guard = g; }

function moved(): void {
	const to = location.hash;
	const free = !guard || guard(() => {
		guard = null;
		location.hash = to;
	});

	if (free) {
		guard = null;
		Object.assign(route, parseHash(to));
	} else
		history.pushState(null, '', hashFor(route.page, route.id, route.query)); /* tells nobody */
}

if (typeof window !== 'undefined')
	window.addEventListener('hashchange', moved);

export function go(page: string, id = '', query: Record<string, string> = {}): void {
	location.hash = hashFor(page, id, query);
}
/* The same page with other words in its query, without a new step in the browser's history. */
export function stay(query: Record<string, string>): void {
	history.replaceState(null, '', hashFor(route.page, route.id, query));
	route.query = query;
}
