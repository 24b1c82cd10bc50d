/* What every page stands on: who is here, the names of the city, and its live state. */
import { computed, reactive, shallowReactive } from 'vue';
import type { FeatureCollection } from 'geojson';
import { get, post, Problem, remove, setCsrf, whenSignedOut, type Schemas } from './api';
import { named, t } from '../i18n';
import { onEvent, staleBy, startStream, stopStream, type Part } from './stream';
import { heardServerTime, setZone } from './time';
import type { Alarm, AlarmHour, Case, Category, Here, Indicator, Kind, Org, Region, Summary } from './types';

export const session = shallowReactive<{ here: Here | null; asked: boolean }>({ here: null, asked: false });

export const names = shallowReactive({
	regions: new Map<string, Region>(),
	orgs: new Map<string, Org>(),
	kinds: new Map<string, Kind>(),
	categories: new Map<string, Category>(),
	areas: null as FeatureCollection | null,
});

export const regionName = (code: string) => named(names.regions.get(code), code);
export const orgName = (code: string, otherwise = code) => named(names.orgs.get(code), otherwise);
export const categoryName = (c: Case) => named(names.categories.get(c.category), c.category_name);
export const units = computed(() => [...names.regions.values()].filter((r) => r.unit));
export const departments = computed(() => [...names.orgs.values()].filter((o) => !o.code.includes('-')));

export const city = shallowReactive({
	cases: [] as Case[],
	alarms: [] as Alarm[],
	hours: [] as AlarmHour[],
	summary: null as Summary | null,
	indicators: [] as Indicator[],
	at: 0, /* this machine's clock when we last heard from the server */
	failed: '',
});

const parts: Record<Part, () => Promise<void>> = {
	cases: async () => { city.cases = await everyOpenCase(); },
	alarms: async () => {
		const [a, h] = await Promise.all([get('/api/v1/alarms', { open: true, limit: 500 }), get('/api/v1/alarms/hours', { hours: 24 })]);

		city.alarms = a.items;
		city.hours = h.hours;
	},
	summary: async () => {
		city.summary = await get('/api/v1/summary');
		heardServerTime(city.summary.now);
	},
	indicators: async () => { city.indicators = (await get('/api/v1/indicators')).items; },
};

/* No open case is hidden: all pages are read, up to what a desk could ever look at. */
async function everyOpenCase(): Promise<Case[]> {
	const all: Case[] = [];
	let cursor: string | null | undefined;

	do {
		const page: Schemas['Cases'] = await get('/api/v1/cases', { state: 'open', limit: 500, cursor });

		all.push(...page.items);
		cursor = page.next;
	} while (cursor && all.length < 5000);
	return all;
}

export function sayProblem(e: unknown): string {
	if (e instanceof Problem && e.faults.length)
		return e.faults.map((f) => `${f.label}: ${f.text}`).join('; ');
	if (e instanceof Problem)
		return e.offline ? t('state.offline') : e.message;
	return e instanceof Error ? e.message : String(e);
}

async function refresh(which: Part[]): Promise<void> {
	const done = await Promise.allSettled(which.map((p) => parts[p]()));
	const bad = done.find((d): d is PromiseRejectedResult => d.status === 'rejected');

	city.failed = bad ? sayProblem(bad.reason) : '';
	if (!bad)
		city.at = Date.now();
}

const waiting = new Set<Part>();
let soon: ReturnType<typeof setTimeout> | undefined, every: ReturnType<typeof setInterval> | undefined;

/* Events come in bursts; what they touch is read once. */
export function refreshSoon(which: Part[]): void {
	which.forEach((p) => waiting.add(p));
	soon ??= setTimeout(() => {
		const now = [...waiting];

		soon = undefined;
		waiting.clear();
		if (session.here && now.length)
			void refresh(now);
	}, 150);
}

export const refreshAll = () => refresh(['cases', 'alarms', 'summary', 'indicators']);

async function readNames(): Promise<void> {
	const [r, o, k, c, areas] = await Promise.all([
		get('/api/v1/regions'), get('/api/v1/orgs'), get('/api/v1/kinds'),
		get('/api/v1/categories'), get('/api/v1/regions.geojson').catch(() => null),
	]);
	const byCode = <T extends { code: string }>(list: T[]) => new Map(list.map((x) => [x.code, x]));

	names.regions = byCode(r.items);
	names.orgs = byCode(o.items);
	names.kinds = byCode(k.items);
	names.categories = byCode(c.items);
	names.areas = areas;
}

let stopEvents: () => void = () => undefined;

async function enter(here: Here): Promise<void> {
	setCsrf(here.csrf);
	setZone(here.city.zone);
	heardServerTime(here.now);
	/* Until the password or the second factor is seen to, nothing else can be read. */
	if (here.account.must) {
		session.here = here;
		return;
	}
	await readNames();
	session.here = here;
	startStream();
	stopEvents = onEvent((e) => refreshSoon(staleBy(e.kind)));
	every = setInterval(() => refreshSoon(['summary']), 30_000);
	await refreshAll();
}

function leave(): void {
	stopEvents();
	stopStream();
	clearInterval(every);
	session.here = null;
	Object.assign(city, { cases: [], alarms: [], hours: [], summary: null, indicators: [], at: 0, failed: '' });
}

whenSignedOut(leave);

/* The session as the server has it now. */
async function enterAgain(): Promise<void> {
	await enter(await get('/api/v1/session'));
}

/* After something of the own account has changed, which may have opened the rest. */
export async function readAccount(): Promise<void> {
	const here = await get('/api/v1/session');

	if (session.here?.account.must && !here.account.must)
		await enter(here);
	else
		session.here = here;
}

/* Is the session of the last visit still alive? */
export async function resume(): Promise<void> {
	try {
		await enterAgain();
	} catch (e) {
		if (!(e instanceof Problem) || e.status !== 401)
			throw e;
	} finally {
		session.asked = true;
	}
}

export async function signIn(login: string, password: string, code: string): Promise<void> {
	await post('/api/v1/session', code ? { login, password, code } : { login, password });
	await enterAgain();
}

export async function signOut(): Promise<void> {
	try {
		await remove('/api/v1/session');
	} finally {
		leave();
	}
}

export const can = (role: string) => session.here?.account.roles.includes(role) ?? false;
/* Pages beside those for everybody's every day, for whoever may open them. */
export const pagesToManage = () => [
	'questions' as const,
	...(can('desk') || can('admin') ? ['devices'] as const : []),
	...(can('leader') || can('admin') ? ['audit'] as const : []),
	...(can('admin') ? ['readings', 'refusals', 'packs', 'accounts'] as const : []),
];
export const me = () => session.here?.account.login ?? '';
export const demo = reactive({ get on() { return session.here?.demo ?? false; } });
