/* The journal in sentences: who did what to what, with links to what it was done to. */
import { can, names, orgName } from './city';
import { bytesText, numText } from './num';
import { hashFor } from './route';
import { recordId } from './register';
import { dateTimeLong } from './time';
import { named, t, tMaybe, wordsOf } from '../i18n';
import type { JournalRow } from './types';

export interface Part { text: string; href?: string; strong?: boolean }

/* What the page asks by name, in the order of its menu. "." at the end: all that begin so. */
export const groups = ['record', 'account', 'device', 'thing', 'case', 'alarm', 'flow', 'pack', 'series', 'drill', 'standby', 'query', 'journal'] as const;
export const presets = {
	reveals: 'record.revealed',
	exports: 'record.exported',
	accounts: 'account.',
	changes: 'record.added,record.changed,record.removed,record.restored,record.imported,record.undone',
} as const;
export const subjects = ['record', 'kind', 'changeset', 'case', 'alarm', 'account', 'device', 'thing', 'flow', 'pack', 'series'] as const;

const prefix = 'ak.';
export const kindsOf = (group: string) => wordsOf(`${prefix}${group}.`).map((key) => key.slice(prefix.length));
export const kindWord = (kind: string) => tMaybe(prefix, kind);

type Payload = Record<string, unknown>;
const text = (v: unknown) => v === null || v === undefined || v === '' ? '—' : String(v);
const secondsText = (ms: unknown) => typeof ms === 'number' ? `${numText(ms / 1000, 1)} s` : '—';
const list = (v: unknown) => Array.isArray(v) ? v.map(String) : [];

const kindName = (code: string) => named(names.kinds.get(code), code);

export function fieldWord(kind: string, key: string): string {
	const field = names.kinds.get(kind)?.fields.find((f) => f.key === key);

	return field ? named(field) : key === 'lon' ? t('reg.place') : tMaybe('reg.', key);
}

const whoName = (login: string, name = '') => login === 'system' ? t('hist.system') : name && name !== login ? t('au.person', { name, login }) : login;

/* Parts of an account as [before, after], roles and orgs in words. */
function changeWord(key: string, v: unknown): string {
	const say = (x: unknown) => key === 'roles' ? String(x).split(' ').filter(Boolean).map((r) => tMaybe('role.', r)).join(' ') || '—' : key === 'org' && x ? orgName(String(x)) : text(x);

	if (key === 'disabled')
		return t(v ? 'au.disabled' : 'au.enabled');
	return Array.isArray(v) ? `${tMaybe('acc.', key)} ${say(v[0])} → ${say(v[1])}` : `${tMaybe('acc.', key)} ${say(v)}`;
}

const changes = (p: unknown) => Object.entries((p ?? {}) as Payload).map(([key, v]) => changeWord(key, v)).join(t('au.comma'));

/* What an entry is about, with its page where there is one that the reader may open. */
export function subjectOf(e: Pick<JournalRow, 'subject' | 'subject_id' | 'payload'>): Part {
	const id = e.subject_id, p = e.payload ?? {};

	switch (e.subject) {
	case 'record': {
		const [kind = '', ...rest] = id.split('/'), code = rest.join('/');

		return { text: `${kindName(kind)} ${code}`, href: names.kinds.has(kind) && e.subject_id.includes('/') ? hashFor('registers', recordId(kind, code)) : undefined };
	}
	case 'kind': return { text: kindName(id), href: names.kinds.has(id) ? hashFor('registers', id) : undefined };
	case 'changeset': return { text: kindName(text(p.kind)), href: p.kind ? hashFor('registers', `${String(p.kind)}/import`, { set: id }) : undefined };
	case 'case': return { text: text(p.code ?? id), href: hashFor('cases', id) };
	case 'alarm': return { text: text(p.thing ?? id), href: p.thing ? hashFor('things', String(p.thing)) : undefined };
	case 'account': return { text: id, href: can('admin') ? hashFor('accounts', id) : undefined };
	case 'flow':
	case 'device': return { text: id };
	case 'thing': return { text: id, href: hashFor('things', id) };
	case 'pack': return { text: id, href: can('admin') ? hashFor('packs') : undefined };
	case 'series': return { text: list(p.selectors).join(t('au.comma')) || t('rd.title'), href: can('admin') ? hashFor('readings') : undefined };
	default: return { text: `${e.subject} ${id}` };
	}
}

/* What the sentences' other holes are filled with. */
function values(e: JournalRow, p: Payload): Record<string, string> {
	const kind = text(p.kind ?? e.subject_id.split('/')[0]);

	return {
		...Object.fromEntries(Object.entries(p).map(([key, v]) => [key, typeof v === 'object' && v !== null ? JSON.stringify(v) : text(v)])),
		fields: list(p.fields).map((f) => fieldWord(kind, f)).join(t('au.comma')) || '—',
		kind: kindName(kind),
		format: text(p.format).toUpperCase(),
		changes: changes(e.kind === 'account.changed' ? p : e.kind === 'account.approval_asked' ? p.change : {}),
		until: p.until ? dateTimeLong(String(p.until)) : '—',
		roles: text(p.roles).split(' ').map((r) => tMaybe('role.', r)).join(' '),
		org: p.org ? orgName(String(p.org)) : '—',
		from: text(p.from),
		outcome: tMaybe('act.', text(p.outcome)),
		stage: tMaybe('stage.', text(p.stage)),
		classes: classesText(p.classes),
		readings: typeof p.readings === 'number' ? numText(p.readings) : text(p.readings),
		bytes: typeof p.bytes === 'number' ? bytesText(p.bytes) : text(p.bytes),
		rpo: secondsText(p.rpo_ms),
		rto: secondsText(p.rto_ms),
	};
}

/* What a run of retention took, class by class. */
function classesText(v: unknown): string {
	return (Array.isArray(v) ? v as Payload[] : []).map((c) => t('rd.class_took', { name: text(c.class || t('rd.others')), n: numText(Number(c.readings) - Number(c.rolled)), rolled: numText(Number(c.rolled)), bytes: bytesText(Number(c.bytes)) })).join(t('au.comma')) || '—';
}

const plainPayload = (p: Payload) => Object.entries(p).map(([key, v]) => `${key} ${typeof v === 'object' && v !== null ? JSON.stringify(v) : text(v)}`).join(t('au.comma'));

/* An entry as a sentence. One whose kind has no sentence, or whose words were erased, is told plainly. */
export function sentenceOf(e: JournalRow): Part[] {
	const key = `as.${e.kind}`, said = tMaybe('', key), known = said !== key && e.payload !== null;
	const p = e.payload ?? {}, v = known ? values(e, p) : {};
	const template = known ? said : t(e.payload ? 'au.plain' : 'au.erased');
	const who: Part = { text: whoName(e.account, e.name), strong: true, href: e.account ? hashFor('audit', '', { who: e.account }) : undefined };
	const parts = template.split(/(\{\w+\})/).filter(Boolean).map((piece): Part => {
		switch (piece) {
		case '{who}': return who;
		case '{what}': return subjectOf(e);
		case '{event}': return { text: kindWord(e.kind) };
		case '{payload}': return { text: plainPayload(p) };
		default: return { text: /^\{\w+\}$/.test(piece) ? v[piece.slice(1, -1)] ?? '—' : piece };
		}
	});

	/* A wide bracket is its own blank. */
	parts.forEach((part, i) => { if (parts[i - 1]?.text.endsWith('）')) part.text = part.text.trimStart(); });
	if (p.for)
		parts.push({ text: t('au.for', { login: String(p.for) }) });
	return parts;
}

export const plain = (parts: Part[]) => parts.map((p) => p.text).join('');

/* What is shown, for a sheet. The heading of its last column is the watermark: who took it, and when. */
export function sheetOf(rows: JournalRow[], mark: string): unknown[][] {
	const head = [t('au.at'), t('au.who'), t('au.login'), t('au.sentence'), t('au.event'), t('au.subject'), t('au.seq'), t('au.payload'), mark];

	return [head, ...rows.map((e) => [dateTimeLong(e.at), e.name || e.account, e.account, plain(sentenceOf(e)), e.kind, `${e.subject} ${e.subject_id}`, e.seq, e.payload ?? '', ''])];
}
