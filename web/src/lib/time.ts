/* Time as the desk reads it: the server's clock, the city's zone, what is left of a limit. */
import { onScopeDispose, ref } from 'vue';
import { lang, t } from '../i18n';

export type Tone = 'late' | 'soon' | 'calm' | 'none';

/* What is left in words: mm:ss under an hour, hours and minutes under a day, then days and hours. */
export function leftText(ms: number | null): string {
	if (ms === null)
		return t('left.none');
	const s = Math.floor(Math.abs(ms) / 1000);
	const two = (n: number) => String(n).padStart(2, '0');
	let text: string;

	if (s < 3600)
		text = `${two(Math.floor(s / 60))}:${two(s % 60)}`;
	else if (s < 86400)
		text = t('left.hour', { h: Math.floor(s / 3600), m: two(Math.floor(s / 60) % 60) });
	else
		text = t('left.day', { d: Math.floor(s / 86400), h: Math.floor(s / 3600) % 24 });
	return ms < 0 ? t('left.over', { t: text }) : text;
}

export function leftTone(ms: number | null): Tone {
	if (ms === null)
		return 'none';
	return ms < 0 ? 'late' : ms < 600_000 ? 'soon' : 'calm';
}

export function ageText(ms: number): string {
	const s = Math.max(0, Math.round(ms / 1000));

	if (s < 90)
		return t('age.s', { n: s });
	return s < 5400 ? t('age.m', { n: Math.round(s / 60) }) : t('age.h', { n: Math.round(s / 3600) });
}

/* The server's clock minus this machine's, which may be wrong by hours. */
let offset = 0;
export const now = ref(Date.now());

export function heardServerTime(iso: string): void {
	offset = Date.parse(iso) - Date.now();
	now.value = Date.now() + offset;
}

/* `now` ticks while somebody looks at it. */
let lookers = 0, timer: ReturnType<typeof setInterval> | undefined;
export function useNow() {
	if (lookers++ === 0)
		timer = setInterval(() => { now.value = Date.now() + offset; }, 1000);
	onScopeDispose(() => {
		if (--lookers === 0)
			clearInterval(timer);
	});
	return now;
}

const zone = ref('Asia/Shanghai');
export function setZone(name: string): void { zone.value = name; }

const formats = new Map<string, Intl.DateTimeFormat>();
function format(what: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
	const key = `${what} ${lang.value} ${zone.value}`;
	let f = formats.get(key);

	if (!f)
		formats.set(key, f = new Intl.DateTimeFormat(lang.value === 'zh' ? 'zh-CN' : 'en-GB', { ...options, timeZone: zone.value, hourCycle: 'h23' }));
	return f;
}

type When = string | number | null | undefined;
const say = (at: When, f: Intl.DateTimeFormat) => at === null || at === undefined || at === '' ? '—' : f.format(new Date(at));

export const hourMinute = (at: When) => say(at, format('hm', { hour: '2-digit', minute: '2-digit' }));
export const clockText = (at: When) => say(at, format('hms', { hour: '2-digit', minute: '2-digit', second: '2-digit' }));
export const dayText = (at: When) => say(at, format('day', { month: lang.value === 'zh' ? 'numeric' : 'short', day: 'numeric', weekday: 'short' }));
export const dateTime = (at: When) => say(at, format('dt', { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' }));
export const dateTimeLong = (at: When) => say(at, format('dtl', { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' }));
/* What a clock shows now in another zone, the city's without one; nothing where the browser does not know the zone. */
export function clockIn(name: string | null): string {
	try {
		return new Intl.DateTimeFormat(lang.value === 'zh' ? 'zh-CN' : 'en-GB', { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: name ?? zone.value }).format(new Date(now.value));
	} catch {
		return '';
	}
}
/* The time alone if it is today's. */
export const shortTime = (at: When) => dayText(at) === dayText(now.value) ? hourMinute(at) : dateTime(at);

/* The local date, as the API wants it: 2026-07-14. */
export function isoDay(at: number): string {
	const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone.value, year: 'numeric', month: '2-digit', day: '2-digit' });

	return parts.format(new Date(at));
}

/* An instant as an input of type datetime-local holds it, in the city's time, and back. */
export function localInput(at: string | number): string {
	const d = new Intl.DateTimeFormat('en-CA', { timeZone: zone.value, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
	const p = Object.fromEntries(d.formatToParts(new Date(at)).map((x) => [x.type, x.value]));

	return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}`;
}

export function fromLocal(text: string): string {
	const asIfUtc = Date.parse(`${text}Z`);
	let at = asIfUtc;

	if (Number.isNaN(asIfUtc))
		return '';
	/* The zone's distance depends on the instant that is looked for. */
	for (let i = 0; i < 2; i++)
		at -= Date.parse(`${localInput(at)}Z`) - asIfUtc;
	return new Date(at).toISOString().replace('.000Z', 'Z');
}
