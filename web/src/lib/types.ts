/* What the HTTP API says; see /api/openapi.json. Times are RFC 3339 in UTC. */
export type Level = 1 | 2 | 3 | 4;

export interface Account { login: string; name: string; org: string; roles: string[]; clearance: number; raised: string | null; may_raise: boolean; must: '' | 'password' | 'second_factor' }
export interface AccountRow { login: string; name: string; org: string; roles: string[]; regions: string[]; orgs: string[]; clearance: number; disabled: boolean; must_change: boolean; second_factor: boolean; created: string; password_at: string; locked: string | null }
export interface AccountAnswer extends AccountRow { approval: string | null; password?: string }
export interface Approval { id: string; login: string; change: Record<string, string | number | boolean>; asked_by: string; asked: string; state: string; decided_by: string; decided: string | null }
export interface MySession { created: string; seen: string; remote: string; current: boolean }
export interface ApiToken { id: string; name: string; roles: string[]; read_only: boolean; created: string; expires: string; used: string | null }
export interface SecondFactor { on: boolean; required: boolean; recovery_left: number }
export interface Delegation { id: string; from_login: string; from_name: string; to_login: string; to_name: string; begins: string; ends: string; reason: string; given: boolean }
export interface City { name: string; name_en: string; region: string; box: [number, number, number, number]; zone: string }
export interface Here { account: Account; csrf: string; now: string; city: City; demo: boolean; version: string }
export interface Region { code: string; parent: string; level: number; name: string; name_en: string; unit: boolean; lon: number | null; lat: number | null }
export interface Org { code: string; parent: string; kind: string; region: string; name: string; name_en: string; phone: string; duties: string }
export interface Quantity { metric: string; name: string; name_en: string; unit: string; low: number | null; high: number | null }
export interface FieldOption { code: string; name: string; name_en: string; color?: string }
export type FieldType = 'text' | 'integer' | 'decimal' | 'bool' | 'date' | 'instant' | 'code' | 'reference' | 'place' | 'file';
export interface FileRef { file: string; name: string; size: number; type: string }
/* hidden: above the reader's clearance. veiled: masked until the reader says why it must be seen. */
export interface Field {
	key: string; name: string; name_en: string; type: FieldType; unit: string; ref: string; group: string; group_en: string; help: string; help_en: string;
	check: string; required: boolean; unique: boolean; in_list: boolean; filter: boolean; sort: boolean; many: boolean; tree: boolean;
	secrecy: number; mask: string; hidden: boolean; veiled: boolean; min: number | null; max: number | null; pattern: string; options: FieldOption[];
}
export interface Kind {
	code: string; name: string; name_en: string; icon: string; color: string; description: string; pack: string; thing: boolean; key: string;
	secrecy: number; writable: boolean; states: FieldOption[]; fields: Field[]; quantities: Quantity[];
}
export interface Lonlat { lon: number; lat: number }
export type Attrs = Record<string, unknown>;
/* What a form sends. */
export interface RecordIn { code?: string; demo?: boolean; name: string; name_en: string; state: string; org: string; region: string; lon: number | null; lat: number | null; attrs: Attrs }
export interface Rec extends RecordIn {
	code: string; kind: string; unit: string; doubts: Record<string, string>; masked: string[]; demo: boolean; pack: string; rev: number;
	created: string; changed: string; account: string; batch: string | null; thing: boolean; gone: boolean;
}
export interface Relation { kind: string; field: string; count: number; more: boolean }
/* Names of what is referred to, by KIND/CODE. */
export interface Titles { titles: Record<string, string>; titles_en: Record<string, string> }
export interface RecNow extends Rec, Titles { actions: string[]; relations: Relation[] }
export interface RecPage extends Titles { items: Rec[]; next: string | null; count: number | null; more: boolean }
export interface RecUse { at: string; account: string; what: string; reason: string; fields: string[] }
export interface ChangeSet {
	id: string; kind: string; what: string; title: string; state: string; account: string; created: string; ended: string | null;
	total: number; added: number; changed: number; same: number; refused: number; done: number; failed: number;
}
/* A row says only what its sheet has columns for. */
export interface ChangeRow { line: number; code: string; verdict: string; rev: number; field: string; words: string; row: Partial<RecordIn>; before: Rec | null }
export interface Category { code: string; parent: string; name: string; name_en: string; flow: string; limit: string; level: number }
export interface Reading { metric: string; name: string; name_en: string; unit: string; t: string | null; v: number | null }
export interface Thing {
	code: string; kind: string; name: string; name_en: string; org: string; region: string; unit: string;
	lon: number | null; lat: number | null; demo: boolean; attrs: Record<string, unknown>;
}
export interface ThingNow extends Thing { readings: Reading[] }
export interface Alarm {
	id: string; rule: string; thing: string; thing_name: string; region: string; unit: string; org: string; level: Level;
	state: string; summary: string; value: number | null; threshold: number | null; since: string | null; fired: string | null;
	resolved: string | null; seen: string | null; case: string | null; acked: string | null; demo: boolean;
}
export interface AlarmHour { at: string; levels: number[] }
export interface Case {
	id: string; code: string; category: string; category_name: string; title: string; detail: string; source: string;
	state: string; stage: string; level: Level; region: string; region_name: string; unit: string; org: string; org_name: string;
	thing: string; thing_name: string; alarm: string | null; task: string | null; task_name: string; outcomes: string[];
	assignee: string; assignee_name: string; opened: string; deadline: string | null; finished: string | null; closed: string | null;
	overdue: boolean; merged: number; version: number; flow: string; flow_version: number; lon: number | null; lat: number | null;
	demo: boolean;
}
export interface AlarmView {
	rule: string; value: number | null; threshold: number | null; op: string; summary: string; expr: string; state: string;
	since: string | null; fired: string | null; resolved: string | null; unit: string; metric: string;
}
export interface CaseNow extends Case { actions: string[]; alarm_view: AlarmView | null; deadline_unsure: boolean; now: string }
export interface CaseDone { id: string; at: string; action: string; account: string; name: string; org: string; task: string; outcome: string; note: string; element: string; for_account: string; for_name: string }
export interface CaseFlow { xml: string; open: string[]; taken: string[] }
export interface SummaryUnit { region: string; name: string; name_en: string; alarms: number; open: number; overdue: number; closed: number; closed_on_time: number }
export interface Summary {
	now: string;
	counts: { open: number; overdue: number; by_level: number[]; to_claim: number; handling: number; to_verify: number; due_soon: number; opened_today: number; closed_today: number };
	units: SummaryUnit[];
	sources: { things: number; seen_5m: number; silent: number };
}
export interface Indicator {
	code: string; name: string; name_en: string; unit: string; formula: string; direction: 'up' | 'down'; target: number | null;
	decimals: number; value: number | null; previous: number | null; as_of: string | null; meaning: string; source: string; from: string; to: string;
}
export interface IndicatorDays extends Indicator { days: { day: string; value: number | null }[] }
export interface JournalEvent {
	seq: number; at: string; kind: string; subject: string; subject_id: string; region: string; org: string; account: string;
	payload: Record<string, unknown> | null;
}
export interface JournalRow extends JournalEvent { name: string }
export interface JournalHead { seq: number; hash: string; at: string | null }
export interface PackKind { code: string; name: string; name_en: string; thing: boolean; records: number | null; more: boolean }
export interface Pack {
	code: string; version: string; name: string; name_en: string; at: string | null; requires: { code: string; version: string }[];
	categories: number; rules: number; flows: number; indicators: number; kinds: PackKind[]; conflicts: { part: string; row: string; field: string }[];
}
export interface Page<T> { items: T[]; next?: string | null }
export interface RangeResult { status: string; data: { result: { metric: Record<string, string>; values: [number, string][] }[] } }
