import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { onEvent, RECENT, staleBy, startStream, stopStream, stream, take, type StreamState } from '../src/lib/stream';
import type { JournalEvent } from '../src/lib/types';

const entry = (seq: number, kind = 'case.opened') => ({ seq, kind, subject_id: '1' }) as JournalEvent;

describe('what an event makes old', () => {
	it('is read again, and nothing else', () => {
		expect(staleBy('case.claimed')).toEqual(['cases', 'summary']);
		expect(staleBy('case.closed')).toContain('indicators');
		expect(staleBy('alarm.firing')).toEqual(['alarms', 'summary']);
		expect(staleBy('case.noted')).toEqual(['cases']);
		expect(staleBy('account.signed_in')).toEqual([]);
	});
});

describe('taking entries', () => {
	it('ignores what came before', () => {
		const s: StreamState = { state: 'live', seq: 5, recent: [] };

		expect([take(s, entry(5)), take(s, entry(6)), take(s, entry(6)), take(s, entry(9))]).toEqual([false, true, false, true]);
		expect(s.seq).toBe(9);
		expect(s.recent.map((e) => e.seq)).toEqual([9, 6]);
	});
	it('does not call changed records news', () => {
		const s: StreamState = { state: 'live', seq: 0, recent: [] };

		expect(take(s, entry(1, 'record.changed'))).toBe(true);
		expect([s.seq, s.recent.length]).toEqual([1, 0]);
	});
	it('keeps only the newest', () => {
		const s: StreamState = { state: 'live', seq: 0, recent: [] };

		for (let i = 1; i <= RECENT + 5; i++)
			take(s, entry(i));
		expect(s.recent).toHaveLength(RECENT);
		expect(s.recent[0]!.seq).toBe(RECENT + 5);
	});
});

class Source {
	static CLOSED = 2;
	static all: Source[] = [];
	readyState = 1;
	onopen?: () => void;
	onerror?: () => void;
	heard = new Map<string, (m: { data: string }) => void>();
	constructor(readonly url: string) { Source.all.push(this); }
	addEventListener(kind: string, f: (m: { data: string }) => void) { this.heard.set(kind, f); }
	close() { this.readyState = 2; }
	say(kind: string, data: unknown) { this.heard.get(kind)?.({ data: JSON.stringify(data) }); }
}

describe('the connection', () => {
	beforeEach(() => {
		Source.all = [];
		vi.stubGlobal('EventSource', Source);
		vi.useFakeTimers();
	});
	afterEach(() => {
		stopStream();
		vi.useRealTimers();
		vi.unstubAllGlobals();
	});
	it('resumes after the last entry when the server had closed it', () => {
		const seen: number[] = [];
		const stop = onEvent((e) => seen.push(e.seq));

		startStream();
		expect(Source.all[0]!.url).toBe('/api/v1/events');
		Source.all[0]!.say('hello', { seq: 40, now: '' });
		expect(stream.state).toBe('live');
		Source.all[0]!.say('case.opened', entry(41));
		Source.all[0]!.readyState = 2;
		Source.all[0]!.onerror!();
		expect(stream.state).toBe('lost');
		vi.advanceTimersByTime(3000);
		expect(Source.all[1]!.url).toBe('/api/v1/events?after=41');
		Source.all[1]!.say('hello', { seq: 45, now: '' });
		Source.all[1]!.say('case.claimed', entry(42, 'case.claimed'));
		expect(seen).toEqual([41, 42]);
		stop();
	});
	it('leaves a broken line to the browser', () => {
		startStream();
		Source.all[0]!.readyState = 0;
		Source.all[0]!.onerror!();
		vi.advanceTimersByTime(10_000);
		expect(Source.all).toHaveLength(1);
		Source.all[0]!.onopen!();
		expect(stream.state).toBe('live');
	});
});
