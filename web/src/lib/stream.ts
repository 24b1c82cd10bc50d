/* The journal as it grows: one EventSource for all of the page, resumed where it broke off. */
import { reactive } from 'vue';
import type { JournalEvent } from './types';

export type Part = 'cases' | 'alarms' | 'summary' | 'indicators';

/* What an event makes old. */
export function staleBy(kind: string): Part[] {
	if (kind === 'case.closed')
		return ['cases', 'summary', 'indicators'];
	if (kind === 'case.noted')
		return ['cases'];
	if (kind.startsWith('case.'))
		return ['cases', 'summary'];
	if (kind.startsWith('alarm.'))
		return ['alarms', 'summary'];
	return [];
}

export const kinds = [
	'alarm.firing', 'alarm.resolved', 'alarm.acked', 'case.opened', 'case.joined', 'case.claimed', 'case.released',
	'case.handed_over', 'case.task_opened', 'case.completed', 'case.overdue', 'case.escalated', 'case.closed', 'case.noted', 'case.migrated', 'case.received', 'case.sent',
];
/* Heard, but too many to be news. */
export const quiet = ['record.added', 'record.changed', 'record.removed', 'record.restored', 'record.imported', 'record.undone'];

export interface StreamState { state: 'connecting' | 'live' | 'lost'; seq: number; recent: JournalEvent[] }

export const RECENT = 30;

/* An entry that came twice (a resumed stream may repeat) changes nothing. */
export function take(s: StreamState, e: JournalEvent): boolean {
	if (e.seq <= s.seq)
		return false;
	s.seq = e.seq;
	if (!quiet.includes(e.kind))
		s.recent = [e, ...s.recent].slice(0, RECENT);
	return true;
}

export const stream = reactive<StreamState>({ state: 'connecting', seq: 0, recent: [] });

type Listener = (e: JournalEvent) => void;
const listeners = new Set<Listener>();
export function onEvent(f: Listener): () => void {
	listeners.add(f);
	return () => listeners.delete(f);
}

let source: EventSource | null = null;
let again: ReturnType<typeof setTimeout> | undefined;

function connect(): void {
	const s = source = new EventSource(stream.seq > 0 ? `/api/v1/events?after=${stream.seq}` : '/api/v1/events');

	s.onopen = () => { stream.state = 'live'; };
	s.addEventListener('hello', (m) => {
		const seq = Number((JSON.parse((m as MessageEvent<string>).data) as { seq: number }).seq);

		/* Ours is kept when resuming: what lies between is still to come. */
		if (stream.seq === 0)
			stream.seq = seq;
		stream.state = 'live';
	});
	for (const kind of [...kinds, ...quiet])
		s.addEventListener(kind, (m) => {
			const e = JSON.parse((m as MessageEvent<string>).data) as JournalEvent;

			if (take(stream, e))
				listeners.forEach((f) => f(e));
		});
	s.onerror = () => {
		if (source !== s)
			return;
		stream.state = 'lost';
		/* The browser reconnects by itself unless the answer was an error; then we do, without hurry. */
		if (s.readyState === EventSource.CLOSED) {
			clearTimeout(again);
			again = setTimeout(connect, 3000);
		}
	};
}

export function startStream(): void {
	stopStream();
	stream.state = 'connecting';
	connect();
}

export function stopStream(): void {
	clearTimeout(again);
	source?.close();
	source = null;
	stream.seq = 0;
	stream.recent = [];
}
