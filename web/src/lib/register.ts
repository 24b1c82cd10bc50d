/* Registers without their pages: addresses, queries, columns, drafts of records, and what changed between two of them. */
import { named, t } from '../i18n';
import { pathOf, type Query } from './api';
import { numText } from './num';
import { dateTimeLong, fromLocal, localInput } from './time';
import type { Attrs, ChangeRow, Field, FieldOption, Kind, Lonlat, Rec, RecordIn, FileRef } from './types';

/* ---- addresses: registers/KIND, …/new, …/import, …/CODE, …/CODE/edit ---- */

export interface Place { what: 'kinds' | 'list' | 'new' | 'import' | 'record' | 'edit'; kind: string; code: string }

const taken = ['new', 'import'];

export function placeOf(id: string): Place {
	const [kind = '', code = '', then = ''] = id.split('/');

	if (!code)
		return { what: kind ? 'list' : 'kinds', kind, code };
	if (!then && taken.includes(code))
		return { what: code as 'new' | 'import', kind, code: '' };
	return { what: then === 'edit' ? 'edit' : 'record', kind, code };
}

/* A record may have the code "new"; its page then has a longer address. */
export const recordId = (kind: string, code: string) => `${kind}/${code}${taken.includes(code) ? '/view' : ''}`;
export const recordPath = (kind: string, code: string) => pathOf('/api/v1/records/{kind}/{code}', { kind, code });

/* ---- filters: the query of the address is the state of the list ---- */

export type ListQuery = Record<string, string>;
export const BLANK = '-'; /* stands for records without a value */

export const listed = (text: string | undefined) => (text ?? '').split(',').filter((x) => x !== '');

export function rangeOf(text: string | undefined): { from: string; to: string } {
	if (!text || text === BLANK)
		return { from: '', to: '' };
	const [from = '', to = from] = text.split('..');

	return { from, to };
}

export const rangeText = (from: string, to: string) => from === '' && to === '' ? '' : `${from}..${to}`;

export const isRange = (f: Field) => ['integer', 'decimal', 'date', 'instant'].includes(f.type);
export const filterFields = (k: Kind) => k.fields.filter((f) => f.filter && !f.hidden && f.type !== 'place' && f.type !== 'file');

/* Days of the address are whole days of the city; the server is asked for instants. */
function instants(text: string): string {
	const { from, to } = rangeOf(text);

	return text === BLANK ? text : rangeText(from && fromLocal(`${from}T00:00:00`), to && fromLocal(`${to}T23:59:59`));
}

export type RecordQuery = Query<'/api/v1/records/{kind}'>;

export function apiQuery(k: Kind, q: ListQuery): RecordQuery {
	const out: RecordQuery = {};

	for (const key of ['q', 'state', 'region', 'org', 'box', 'sort'] as const)
		if (q[key]?.trim())
			out[key] = q[key]!.trim();
	for (const f of filterFields(k)) {
		const v = q[`f.${f.key}`];

		if (v)
			out[`f.${f.key}`] = f.type === 'instant' ? instants(v) : v;
	}
	return out;
}

/* What narrows the list, for its chips and its empty state. */
export const activeFilters = (k: Kind, q: ListQuery) => Object.keys(apiQuery(k, { ...q, sort: '' }));

/* ---- columns ---- */

export interface Column { key: string; label: string; field: Field | null; sort: string; num: boolean }

const own = ['name', 'code', 'state', 'region', 'org', 'changed'] as const;

export function columnsOf(k: Kind): Column[] {
	const first: Column[] = own.filter((key) => key !== 'state' || k.states.length > 0)
		.map((key) => ({ key, label: t(`reg.${key}`), field: null, sort: key, num: false }));
	const fields: Column[] = k.fields.map((f) => ({ key: `a.${f.key}`, label: named(f), field: f, sort: f.sort && !f.hidden ? f.key : '', num: !f.many && (f.type === 'integer' || f.type === 'decimal') }));

	return [...first.slice(0, -3), ...fields, ...first.slice(-3)];
}

export const defaultColumns = (k: Kind) => columnsOf(k).filter((c) => c.field ? c.field.in_list : c.key !== 'org' && c.key !== 'changed').map((c) => c.key);

/* The chosen ones in the kind's order; what the kind no longer has is left out. */
export function shownColumns(k: Kind, chosen: string | undefined): Column[] {
	const keys = chosen ? listed(chosen) : defaultColumns(k), found = columnsOf(k).filter((c) => keys.includes(c.key));

	return found.length ? found : columnsOf(k).filter((c) => defaultColumns(k).includes(c.key));
}

/* up, down, none: what a press on a header leads to. */
export function nextSort(now: string | undefined, key: string): string {
	return now === key ? `-${key}` : now === `-${key}` ? '' : key;
}

/* ---- values in words ---- */

export type NameOf = (ref: string, code: string) => string;

export const isEmpty = (v: unknown) => v === undefined || v === null || v === '' || (Array.isArray(v) && v.length === 0);

export function optionOf(options: FieldOption[], code: unknown): FieldOption | undefined {
	return options.find((o) => o.code === String(code));
}

/* 1.2 MB, 40 KB: as files are spoken of. */
export const sizeText = (n: number) => n < 1_000_000 ? `${Math.max(1, Math.round(n / 1000))} KB` : `${(n / 1_000_000).toFixed(1)} MB`;

export const lonlatText = (p: Lonlat) => `${p.lon.toFixed(6)}, ${p.lat.toFixed(6)}`;

export function valueText(f: Field, v: unknown, nameOf: NameOf): string {
	if (isEmpty(v))
		return '—';
	if (Array.isArray(v))
		return v.map((x) => valueText(f, x, nameOf)).join(t('reg.list_comma'));
	switch (f.type) {
	case 'bool': return typeof v === 'boolean' ? t(v ? 'reg.yes' : 'reg.no') : String(v);
	case 'code': return named(optionOf(f.options, v), String(v));
	case 'reference': return nameOf(f.ref, String(v));
	case 'instant': return Number.isNaN(Date.parse(String(v))) ? String(v) : dateTimeLong(String(v));
	case 'place': return typeof v === 'object' ? lonlatText(v as Lonlat) : String(v);
	case 'file': return typeof v === 'object' ? (v as FileRef).name : String(v);
	case 'integer': case 'decimal': return typeof v === 'number' ? `${numText(v, undefined, 12)} ${f.unit}`.trim() : String(v);
	default: return String(v);
	}
}

/* What the server doubts, in the reader's words. */
const doubts = [['does not have the form of such a code', 'doubt.form'], ['has a check digit that does not go with the rest', 'doubt.digit'], ['has a date of birth that does not exist', 'doubt.date']] as const;

export function sayDoubt(words: string | undefined): string {
	const known = doubts.find(([text]) => text === words);

	return known ? t(known[1]) : words ?? '';
}

export function countText(page: { count: number | null; more: boolean }, shown: number, atEnd: boolean): string {
	if (page.count !== null)
		return t(page.more ? 'reg.count_more' : 'reg.count', { n: numText(page.count) });
	return t(atEnd ? 'reg.count' : 'reg.count_shown', { n: numText(shown) });
}

/* How many of a list's records a map shows. all: it has no more. */
export function onMapText(n: number, list: { count: number | null; more: boolean }, all: boolean): string {
	if (list.count !== null && (list.more || !all))
		return t('reg.on_map_of', { n: numText(n), all: `${numText(list.count)}${list.more ? '+' : ''}` });
	if (!all)
		return t('reg.on_map_first', { n: numText(n) });
	return list.count !== null && list.count > n ? t('reg.on_map_rest', { n: numText(n), rest: numText(list.count - n) }) : t('reg.on_map', { n: numText(n) });
}

/* Fields under their headings, in the kind's order; those without a heading come first. */
export function groupsOf(fields: Field[]): { title: string; fields: Field[] }[] {
	const groups = new Map<string, Field[]>([['', []]]);

	for (const f of fields)
		groups.set(f.group, [...groups.get(f.group) ?? [], f]);
	return [...groups.values()].filter((list) => list.length > 0)
		.map((list) => ({ title: named({ name: list[0]!.group, name_en: list.find((f) => f.group_en)?.group_en }), fields: list }));
}

/* ---- versions ---- */

export interface Change { key: string; from: unknown; to: unknown }

const ownKeys = ['code', 'name', 'name_en', 'state', 'region', 'org'] as const;
const placeIn = (r: { lon: number | null; lat: number | null }): Lonlat | null => r.lon === null || r.lat === null ? null : { lon: r.lon, lat: r.lat };
const same = (a: unknown, b: unknown) => (isEmpty(a) && isEmpty(b)) || JSON.stringify(a) === JSON.stringify(b);

/* Own keys are plain, fields have the prefix "a."; place is that of the record. */
export function changesBetween(older: Rec | null, newer: Rec): Change[] {
	const out: Change[] = [];
	const note = (key: string, from: unknown, to: unknown) => {
		if (!same(from, to))
			out.push({ key, from, to });
	};

	for (const key of ownKeys)
		note(key, older?.[key], newer[key]);
	note('place', older && placeIn(older), placeIn(newer));
	for (const key of new Set([...Object.keys(older?.attrs ?? {}), ...Object.keys(newer.attrs)]))
		note(`a.${key}`, older?.attrs[key], newer.attrs[key]);
	return out;
}

export function changeLabel(k: Kind | undefined, key: string): string {
	if (key.startsWith('a.'))
		return named(k?.fields.find((f) => f.key === key.slice(2)), key.slice(2));
	return t(`reg.${key as 'place' | typeof ownKeys[number]}`);
}

export function changeText(k: Kind | undefined, key: string, v: unknown, nameOf: NameOf): string {
	const f = key.startsWith('a.') ? k?.fields.find((x) => x.key === key.slice(2)) : undefined;

	if (isEmpty(v))
		return '—';
	if (f)
		return valueText(f, v, nameOf);
	if (key === 'state')
		return named(optionOf(k?.states ?? [], v), String(v));
	if (key === 'region' || key === 'org')
		return nameOf(key, String(v));
	return key === 'place' ? lonlatText(v as Lonlat) : typeof v === 'object' ? JSON.stringify(v) : String(v);
}

/* ---- drafts: a record as a form holds it; numbers as they are typed, instants in the city's time ---- */

export interface Draft {
	code: string; name: string; name_en: string; state: string; region: string; org: string; place: Lonlat | null; attrs: Attrs;
	changed: string[]; /* veiled fields that get a new value */
}

function draftValue(f: Field, v: unknown): unknown {
	if (f.many)
		return (Array.isArray(v) ? v : isEmpty(v) ? [] : [v]).map((x) => draftValue({ ...f, many: false }, x));
	if (f.type === 'instant')
		return isEmpty(v) ? '' : localInput(String(v));
	if (f.type === 'bool' || f.type === 'place' || f.type === 'file')
		return v ?? null;
	return isEmpty(v) ? '' : String(v);
}

/* What is masked is not in a draft: it would be written back as it is shown. */
export function draftOf(k: Kind, r?: Rec): Draft {
	const attrs: Attrs = {};

	for (const f of k.fields)
		attrs[f.key] = draftValue(f, f.hidden || f.veiled ? undefined : r?.attrs[f.key]);
	return {
		code: r?.code ?? '', name: r?.name ?? '', name_en: r?.name_en ?? '', state: r?.state ?? k.states[0]?.code ?? '', region: r?.region ?? '', org: r?.org ?? '',
		place: r ? placeIn(r) : null, attrs, changed: [],
	};
}

function sentValue(f: Field, v: unknown): unknown {
	if (f.many) {
		const list = (v as unknown[]).map((x) => sentValue({ ...f, many: false }, x)).filter((x) => !isEmpty(x));

		return list.length ? list : null;
	}
	if (isEmpty(v))
		return null;
	if (f.type === 'file')
		return v;
	const text = String(v).trim();

	if (f.type === 'integer' || f.type === 'decimal')
		return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text || null;
	if (f.type === 'instant')
		return fromLocal(text);
	return typeof v === 'string' ? text || null : v;
}

const asked = (f: Field, d: Draft, isNew: boolean) => !f.hidden && (isNew || !f.veiled || d.changed.includes(f.key));

export function bodyOf(k: Kind, d: Draft, isNew: boolean): RecordIn {
	const attrs: Attrs = {};

	for (const f of k.fields) {
		if (!asked(f, d, isNew))
			continue;
		const v = sentValue(f, d.attrs[f.key]);

		/* A veiled field that is not sent keeps its value, so emptying it must be said. */
		if (v !== null || (!isNew && f.veiled))
			attrs[f.key] = v;
	}
	const body: RecordIn = { name: d.name.trim(), name_en: d.name_en.trim(), state: d.state, org: d.org, region: d.region, lon: d.place?.lon ?? null, lat: d.place?.lat ?? null, attrs };

	return isNew && d.code.trim() ? { code: d.code.trim(), ...body } : body;
}

function wrongValue(f: Field, v: unknown): string {
	if (f.many)
		return (v as unknown[]).map((x) => wrongValue({ ...f, many: false }, x)).find((x) => x !== '') ?? '';
	const text = typeof v === 'string' ? v.trim() : '';

	if (text === '')
		return '';
	if (f.type === 'integer' || f.type === 'decimal') {
		const n = Number(text);

		if (!Number.isFinite(n) || (f.type === 'integer' && !Number.isInteger(n)))
			return t(f.type === 'integer' ? 'form.not_integer' : 'form.not_number');
		if ((f.min !== null && n < f.min) || (f.max !== null && n > f.max))
			return t('form.out_of_range', { range: `${f.min ?? ''}–${f.max ?? ''}` });
	}
	if (f.type === 'text' && f.pattern !== '')
		try {
			return new RegExp(`^(?:${f.pattern})$`, 'u').test(text) ? '' : t('form.not_pattern');
		} catch {
			return ''; /* written for the server's expressions: it will say */
		}
	return '';
}

/* What the form can tell before it is sent; the server has the last word. */
export function wrongs(k: Kind, d: Draft, isNew: boolean): Record<string, string> {
	const out: Record<string, string> = {};

	if (!d.name.trim())
		out.name = t('form.required');
	for (const f of k.fields) {
		if (!asked(f, d, isNew))
			continue;
		const words = f.required && isEmpty(sentValue(f, d.attrs[f.key])) ? t('form.required') : wrongValue(f, d.attrs[f.key]);

		if (words)
			out[f.key] = words;
	}
	return out;
}

const parts = (d: Draft): Record<string, unknown> => {
	const { attrs, changed, ...rest } = d;

	return { ...rest, ...Object.fromEntries(Object.entries(attrs).map(([key, v]) => [`a.${key}`, v])), changed };
};

export const draftsEqual = (a: Draft, b: Draft) => JSON.stringify(parts(a)) === JSON.stringify(parts(b));

/* Somebody else saved meanwhile: what I did not touch becomes theirs; what both touched stays mine and is told. */
export function mergeDrafts(base: Draft, mine: Draft, theirs: Draft): { draft: Draft; both: string[] } {
	const b = parts(base), m = parts(mine), o = parts(theirs), both: string[] = [];
	const draft: Draft = { ...theirs, attrs: { ...theirs.attrs }, changed: mine.changed };

	for (const key of Object.keys(m)) {
		if (key === 'changed' || same(b[key], m[key]))
			continue;
		if (!same(b[key], o[key]) && !same(m[key], o[key]))
			both.push(key);
		if (key.startsWith('a.'))
			draft.attrs[key.slice(2)] = m[key];
		else
			Object.assign(draft, { [key]: m[key] });
	}
	return { draft, both };
}

/* ---- sheets ---- */

/* RFC 4180, with a mark for spreadsheets that it is UTF-8. A cell that they would take for a formula gets an apostrophe. */
export function csvOf(rows: unknown[][]): string {
	const cell = (v: unknown) => {
		const text = v === null || v === undefined ? '' : typeof v === 'object' ? JSON.stringify(v) : String(v);
		const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;

		return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
	};

	return `\ufeff${rows.map((r) => r.map(cell).join(',')).join('\r\n')}\r\n`;
}

/* The cells of a row by the key of their column, as a sheet has them. */
export function cellsOf(row: Partial<RecordIn>): Record<string, unknown> {
	const { attrs, ...own } = row;

	return { ...own, ...attrs };
}

/* What a row of an import changes. Cells that the sheet does not have say nothing. */
export function changedCells(r: Pick<ChangeRow, 'row' | 'before'>): Change[] {
	const before = r.before ? cellsOf(r.before) : {};

	return Object.entries(cellsOf(r.row)).filter(([key, to]) => !same(before[key], to)).map(([key, to]) => ({ key, from: before[key], to }));
}
