/* Names of what records refer to. An answer may bring some; the others are asked for one by one, each once. */
import { shallowReactive } from 'vue';
import { get, pathOf } from './api';
import { names, orgName, regionName } from './city';
import { recordPath } from './register';
import { lang, named } from '../i18n';
import type { Titles } from './types';

export interface Choice { code: string; name: string; more: string }

const known = shallowReactive(new Map<string, string>());
const asked = new Set<string>(), queue: [string, string][] = [];
let running = 0;

async function ask(): Promise<void> {
	running++;
	for (let next = queue.shift(); next; next = queue.shift())
		try {
			const r = await get(next[0] === 'thing' ? pathOf('/api/v1/things/{code}', { code: next[1] }) : recordPath(...next));

			known.set(`zh ${next.join('/')}`, r.name || r.code);
			known.set(`en ${next.join('/')}`, r.name_en || r.name || r.code);
		} catch {
			known.set(`zh ${next.join('/')}`, next[1]);
			known.set(`en ${next.join('/')}`, next[1]); /* not for this reader, or not there: the code must do */
		}
	running--;
}

/* The names that an answer brings need not be asked for. */
export function heardTitles({ titles, titles_en }: Titles): void {
	for (const [key, name] of Object.entries(titles)) {
		known.set(`zh ${key}`, name);
		known.set(`en ${key}`, titles_en[key] ?? name);
	}
}

export function titleOf(ref: string, code: string): string {
	const key = `${ref}/${code}`;

	if (ref === 'region')
		return regionName(code);
	if (ref === 'org')
		return orgName(code);
	if (!known.has(`${lang.value} ${key}`) && !asked.has(key)) {
		asked.add(key);
		queue.push([ref, code]);
		if (running < 2)
			void ask();
	}
	return known.get(`${lang.value} ${key}`) ?? code;
}

const SHOWN = 20;

/* Where a town lies: its names upwards, without the city's own. */
function above(code: string): string {
	const path: string[] = [];

	for (let r = names.regions.get(names.regions.get(code)?.parent ?? ''); r?.parent; r = names.regions.get(r.parent))
		path.unshift(named(r));
	return path.join(' ');
}

export async function choices(ref: string, q: string, signal: AbortSignal): Promise<Choice[]> {
	const text = q.trim().toLowerCase();

	if (ref === 'region' || ref === 'org') {
		const all = [...(ref === 'region' ? names.regions : names.orgs).values()];
		const found = all.filter((x) => x.name.toLowerCase().includes(text) || x.name_en.toLowerCase().includes(text) || x.code.startsWith(text));

		return found.slice(0, SHOWN).map((x) => ({ code: x.code, name: named(x), more: ref === 'region' ? `${above(x.code)} ${x.code}`.trim() : x.code }));
	}
	if (ref === 'thing') {
		const things = await get('/api/v1/things', { q: text, limit: SHOWN }, signal);

		return things.items.map((x) => ({ code: x.code, name: named(x, x.code), more: `${named(names.kinds.get(x.kind), x.kind)} ${x.code}` }));
	}
	const page = await get(pathOf('/api/v1/records/{kind}', { kind: ref }), { q: text, limit: SHOWN }, signal);

	return page.items.map((r) => ({ code: r.code, name: named(r, r.code), more: r.code }));
}
